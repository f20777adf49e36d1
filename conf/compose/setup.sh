#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: setup.sh
# Prepares compose.yaml, once: makes the manager's data, writes the ids to .env, logs connctl in
# with the owner's token in the manager's container, and issues connd's own token. The tokens stay
# in the volumes. COMPOSE names the program to use; without it, podman-compose.
set -eu
cd "$(dirname "$0")"
compose=${COMPOSE:-podman-compose}
if [ -e .env ]; then
	echo "setup.sh: .env is there: to begin anew, remove it after: $compose down --volumes" >&2
	exit 1
fi

ids=$($compose run --rm --no-deps -T manager connd-manager init --data /var/lib/connd-manager \
	--organization local --workspace data --deployment airflow)
# The value of one member of the JSON that init prints.
member() { printf '%s\n' "$ids" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
printf 'ORGANIZATION=%s\nDEPLOYMENT=%s\n' "$(member organizationId)" "$(member airflow)" >.env

$compose up -d manager
n=0
until member token | $compose exec -T manager connctl login --manager http://127.0.0.1:8888 \
	--workspace data --token-file -; do
	n=$((n + 1))
	[ $n -lt 30 ] || exit 1
	sleep 1
done
$compose exec -T manager connctl token create connd --deployment airflow --role MEMBER \
	--token-out /var/lib/connd/token --yes
