#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The whole path, once, with the real programs and a real Airflow 3.3: objects go in through the
# manager's API, two connd serve two Deployments, Airflow prints what it gets, an override changes
# and the new value arrives. Every value shown is checked; a wrong one ends this with 1.
# Everything lives in a temporary directory and on ports and sockets of its own, and is gone afterwards.
# All secrets here are made up for the demonstration.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=$(cd "${CONND_BUILD:-$root/build}" && pwd)
venv=$root/.venvs/airflow33/bin
tmp=$(mktemp -d /tmp/connd-demo.XXXXXX)
pids=()

cleanup() {
	status=$?
	trap - EXIT INT TERM
	if [ "$status" -ne 0 ]; then
		echo
		echo "demo: failed; the programs' last words:"
		for log in "$tmp"/*.log; do
			[ -s "$log" ] && sed "s|^|  $(basename "$log"): |" "$log" | tail -n 10
		done
	fi
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	[ ${#pids[@]} -eq 0 ] || wait "${pids[@]}" 2>/dev/null || true
	rm -rf "$tmp"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; else bold='' plain=''; fi
say() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }

# field NAME...: one member of the JSON on stdin, by its path.
field() { python3 -c 'import json, sys
v = json.load(sys.stdin)
for name in sys.argv[1:]: v = v[name]
print(v)' "$@"; }

# until_true SECONDS COMMAND...: polls.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || { echo "demo: not in time: $*"; return 1; }
		sleep 0.1
	done
}

# expect TEXT... -- COMMAND...: runs it, shows what it prints; each TEXT must be in that. !TEXT must not.
expect() {
	local wanted=() out want
	while [ "$1" != -- ]; do
		wanted+=("$1")
		shift
	done
	shift
	printf '$ %s\n' "${shown:-$*}"
	out=$("$@" 2>"$tmp/stderr") || { cat "$tmp/stderr"; echo "demo: $1 failed"; return 1; }
	printf '    %s\n' "${out//$'\n'/$'\n    '}"
	for want in "${wanted[@]}"; do
		case $want in
		!*) [[ $out != *"${want#!}"* ]] || { echo "demo: '${want#!}' must not be there"; return 1; } ;;
		*) [[ $out == *"$want"* ]] || { echo "demo: '$want' is missing"; return 1; } ;;
		esac
	done
}

# api METHOD PATH [JSON]: the environment-objects API. The token stays out of the arguments.
api() {
	curl -sS --fail-with-body --max-time 20 -X "$1" -H @"$tmp/authorization" -H 'Content-Type: application/json' \
		${3:+--data "$3"} "$url/v1/organizations/$organization/environment-objects$2"
}

say "Airflow 3.3 with the shim, in a virtual environment (a download on the first run)"
"$root/tests/airflow/venvs.sh" airflow33
"$venv/python" -c 'from importlib.metadata import version
print("apache-airflow", version("apache-airflow"), "with airflow-provider-connd", version("airflow-provider-connd"))'

say "A manager: organization Acme, Workspace Analytics, Deployments production and staging"
"$bin/connd-manager" init --data "$tmp/data" --organization Acme --workspace Analytics \
	--deployment production --deployment staging >"$tmp/init.json"
organization=$(field organizationId <"$tmp/init.json")
workspace=$(field workspaceId <"$tmp/init.json")
production=$(field deploymentIds production <"$tmp/init.json")
staging=$(field deploymentIds staging <"$tmp/init.json")
umask 077
field token <"$tmp/init.json" >"$tmp/token"
printf 'Authorization: Bearer %s\n' "$(cat "$tmp/token")" >"$tmp/authorization"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
"$bin/connd-manager" --data "$tmp/data" --listen "127.0.0.1:$port" 2>"$tmp/manager.log" &
pids+=($!)
until_true 20 api GET '?limit=1'
echo "serving $url"

say "Objects, through its HTTP API"
scope='"scope": "WORKSPACE", "scopeEntityId": "'$workspace'"'
deployment() { printf '"scope": "DEPLOYMENT", "scopeEntityId": "%s"' "$1"; }

echo "connection  warehouse     linked to both Deployments; staging overrides host and extra.sslmode"
warehouse_body() { # the host that staging is given
	cat <<-JSON
		{"objectKey": "warehouse", "objectType": "CONNECTION", $scope,
		 "connection": {"type": "postgres", "host": "warehouse.acme.example", "port": 5432, "login": "etl",
		  "password": "demo-p@ss/w:rd", "schema": "analytics", "extra": {"sslmode": "verify-full", "keepalives": 1}},
		 "links": [{$(deployment "$production")},
		  {$(deployment "$staging"), "overrides": {"connection": {"host": "$1", "extra": {"sslmode": "prefer"}}}}]}
	JSON
}
warehouse=$(api POST '' "$(warehouse_body staging-db.acme.example)" | field id)

echo "connection  object_store  linked to every Deployment, present and future"
api POST '' '{"objectKey": "object_store", "objectType": "CONNECTION", '"$scope"', "autoLinkDeployments": true,
	"connection": {"type": "aws", "login": "AKIADEMO", "password": "demo-key", "extra": {"region_name": "eu-central-1"}}}' >/dev/null

echo "connection  billing       linked to every Deployment but staging"
api POST '' '{"objectKey": "billing", "objectType": "CONNECTION", '"$scope"', "autoLinkDeployments": true,
	"excludeLinks": [{'"$(deployment "$staging")"'}],
	"connection": {"type": "http", "host": "https://billing.acme.example", "password": "demo-billing"}}' >/dev/null

echo "variable    environment   one value, overridden for staging"
api POST '' '{"objectKey": "environment", "objectType": "AIRFLOW_VARIABLE", '"$scope"', "autoLinkDeployments": true,
	"airflowVariable": {"value": "production", "isSecret": false},
	"links": [{'"$(deployment "$staging")"', "overrides": {"airflowVariable": {"value": "staging"}}}]}' >/dev/null

say "One connd for each Deployment"
for name in production staging; do
	cat >"$tmp/$name.conf" <<-INI
		[manager]
		url = $url
		organization = $organization
		deployment = ${!name}
		token_file = $tmp/token
		refresh = 1s

		[socket]
		path = $tmp/$name.sock
	INI
	"$bin/connd" --config "$tmp/$name.conf" 2>"$tmp/$name.log" &
	pids+=($!)
done
has_data() { "$bin/connctl" --socket "$tmp/$1.sock" get var environment; }
for name in production staging; do
	until_true 20 has_data $name
	shown="connctl list    # $name" expect warehouse environment -- "$bin/connctl" list --socket "$tmp/$name.sock"
done
shown="connctl get conn warehouse    # secrets are masked" \
	expect staging-db.acme.example '***' '!demo-p@ss' -- "$bin/connctl" get conn warehouse --socket "$tmp/staging.sock"

# Only what a small airflow.cfg would say; nothing of the caller's Airflow.
in_airflow() { # name of the Deployment, command...
	local name=$1
	shift
	env -u PYTHONPATH AIRFLOW_HOME="$tmp/airflow-$name" AIRFLOW__CORE__LOAD_EXAMPLES=False \
		AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR \
		AIRFLOW__SECRETS__BACKEND=airflow_connd.ConndBackend \
		AIRFLOW__SECRETS__BACKEND_KWARGS="{\"socket_path\": \"$tmp/$name.sock\"}" \
		PATH="$venv:$PATH" PYTHONWARNINGS=ignore "$@"
}
hook() { # name of the Deployment, texts that must be there..., --, ids...
	local name=$1 wanted=()
	shift
	while [ "$1" != -- ]; do
		wanted+=("$1")
		shift
	done
	shift
	shown="BaseHook.get_connection()    # $name: $*" expect "${wanted[@]}" -- in_airflow "$name" python "$here/lookups.py" "$@"
}
cli() { # name of the Deployment, texts..., --, airflow's arguments...
	local name=$1 wanted=()
	shift
	while [ "$1" != -- ]; do
		wanted+=("$1")
		shift
	done
	shift
	shown="airflow $*    # $name" expect "${wanted[@]}" -- in_airflow "$name" airflow "$@"
}

say "Airflow, in production"
hook production "warehouse: conn_type=postgres host=warehouse.acme.example port=5432 schema=analytics login=etl" \
	"password=demo-p@ss/w:rd extra={'sslmode': 'verify-full', 'keepalives': 1}" \
	"object_store: conn_type=aws login=AKIADEMO password=demo-key extra={'region_name': 'eu-central-1'}" \
	"billing: conn_type=http host=https://billing.acme.example password=demo-billing" -- warehouse object_store billing
cli production warehouse.acme.example demo-p@ss/w:rd 5432 -- connections get -v warehouse -o json
cli production production '!staging' -- variables get environment

say "Airflow, in staging: the overrides, and no billing"
hook staging "warehouse: conn_type=postgres host=staging-db.acme.example port=5432 schema=analytics login=etl" \
	"password=demo-p@ss/w:rd extra={'sslmode': 'prefer', 'keepalives': 1}" \
	"object_store: conn_type=aws login=AKIADEMO password=demo-key" \
	"billing: AirflowNotFoundException" '!demo-billing' -- warehouse object_store billing
cli staging staging-db.acme.example demo-p@ss/w:rd 5432 -- connections get -v warehouse -o json
cli staging staging '!production' -- variables get environment

say "The override of staging changes: a new host"
before=$(date +%s%N)
api POST "/$warehouse" "$(warehouse_body new-db.acme.example | python3 -c 'import json, sys
body = json.load(sys.stdin)
print(json.dumps({k: body[k] for k in ("connection", "links")}))')" >/dev/null
has_new_host() { "$bin/connctl" --socket "$tmp/staging.sock" get conn warehouse | grep -q new-db; }
until_true 20 has_new_host
echo "connd has it after $((($(date +%s%N) - before) / 1000000)) ms"
hook staging "host=new-db.acme.example port=5432 schema=analytics login=etl password=demo-p@ss/w:rd" -- warehouse
hook production "host=warehouse.acme.example port=5432" '!new-db' -- warehouse

say "Done: every value above was checked"
