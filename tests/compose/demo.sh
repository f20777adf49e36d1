#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/compose/demo.sh    (make compose-demo)
# conf/compose as a person would start it: sets it up with podman-compose, makes a connection at
# the manager, has Airflow look it up through connd, stops the manager and looks it up again, and
# removes everything. Needs root, podman and the image of "make image".
set -eu
cd "$(dirname "$0")/../.."
out=$PWD/build/compose
project=$out/project/conf/compose
mkdir -p "$project" "$out/project/python-shim"

# Works where limits cannot be raised and no service manages control groups.
export CONTAINERS_CONF=$out/containers.conf
cat >"$CONTAINERS_CONF" <<END
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END

say() { printf '\n== %s\n' "$*"; }

say "images"
export CONND_IMAGE AIRFLOW_IMAGE COMPOSE_PROJECT_NAME=connd-compose-demo
CONND_IMAGE=localhost/connd:$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' \
	python-shim/src/airflow_connd/__init__.py)-$(dpkg --print-architecture)
AIRFLOW_IMAGE=$(tests/compose/airflow_image.sh localhost/connd-demo-airflow)
# A machine without container networks: each container then has its loopback interface only.
export NETWORK=${NETWORK:-none}

[ -x .venvs/compose/bin/podman-compose ] || {
	python3 -m venv .venvs/compose
	.venvs/compose/bin/pip -q install --require-hashes -r tests/compose/requirements.txt
}
export PATH=$PWD/.venvs/compose/bin:$PATH
cp conf/compose/* "$project/"
cp -r python-shim/src "$out/project/python-shim/"
cd "$project"

compose() { podman-compose "$@" 2>>"$out/compose.log" </dev/null; }
clean_up() {
	compose down --volumes >/dev/null || :
	rm -f .env
}
clean_up
trap clean_up EXIT

say "set up"
./setup.sh
compose up -d >/dev/null
compose exec -T connd connctl wait

say "a connection at the manager"
compose exec -T manager connctl connection create warehouse --deployment airflow --type postgres \
	--host db.example.com --login etl --port 5432 --yes

look_up() {
	compose exec -T airflow airflow connections get warehouse -o plain |
		grep -o 'db\.example\.com' | head -n 1 | sed 's/^/Airflow finds the host: /'
}
say "a lookup by Airflow"
compose exec -T connd connctl refresh >/dev/null
look_up

say "the same without the manager"
podman stop --time 10 "${COMPOSE_PROJECT_NAME}_manager_1" >/dev/null
look_up
say "done"
