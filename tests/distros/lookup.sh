#!/bin/bash
# With the packages installed and nothing running: a manager, a connd, one lookup by connctl and one
# by the shim; what it found is the last line of ./said. The units are read by the local systemd.
set -eu
cd "$(dirname "$0")"
for unit in /usr/lib/systemd/system/connd*.service /usr/lib/systemd/system/connd*.socket; do
	found=$(systemd-analyze verify "$unit" 2>&1 |
		grep -v "^/usr/lib/systemd/system/[^c]" || true)
	[ -z "$found" ] || echo "$unit: $found"
done

room=$(mktemp -d)
chmod 711 "$room"
connd-manager init --data "$room/data" --organization o --workspace w --deployment d \
	--token-out "$room/token" >"$room/init.json"
field() { sed -n "s/.*\"$1\": *\"\([a-z0-9]*\)\".*/\1/p" "$room/init.json" | head -n 1; }
organization=$(field organizationId)
deployment=$(sed -n 's/.*"d": *"\([a-z0-9]*\)".*/\1/p' "$room/init.json" | head -n 1)
connd-manager --data "$room/data" --listen "unix:$room/manager.sock" --listen 127.0.0.1:8888 \
	>/dev/null 2>"$room/manager.log" &
cat >"$room/connd.conf" <<CONF
[manager]
url = unix:$room/manager.sock
organization = $organization
deployment = $deployment
token_file = $room/token
[socket]
path = $room/connd.sock
CONF
cat >"$room/airflow.json" <<JSON
{"warehouse": {"conn_type": "postgres", "host": "h", "password": "p"}}
JSON
sleep 1
connd --config "$room/connd.conf" 2>"$room/connd.log" &
export CONND_SOCKET=$room/connd.sock
connctl import --manager "http://127.0.0.1:8888" --organization "$organization" \
	--deployment "$deployment" --token-file "$room/token" --connections "$room/airflow.json"
for _ in $(seq 50); do
	connctl get conn warehouse >"$room/got" 2>/dev/null && break
	sleep 0.2
done
grep -q postgres "$room/got" || { cat "$room"/*.log && exit 1; }
python3 - <<PYTHON
import json
from airflow_connd.backend import Lookups
found = Lookups(socket_path="$CONND_SOCKET").get_conn_value("warehouse")
assert json.loads(found)["password"] == "p"
PYTHON
# shellcheck source=/dev/null
. /etc/os-release
system=$(systemctl --version | head -n 1)
echo "$PRETTY_NAME: installed and looked up, $(connd --version), $system" | tee said
