#!/bin/bash
# usage: tests/unit/postgres.sh DIRECTORY
# A PostgreSQL server whose data and socket are in DIRECTORY, an existing one. It is this process:
# the test that started it ends it, and it ends with the test. It forgets everything in a power cut.
set -eu
dir=$1
bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
as=()
if [ "$(id -u)" -eq 0 ]; then # the server refuses to be root
	chown postgres "$dir"
	as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
cd "$dir"
"${as[@]}" "$bin/initdb" -D "$dir/data" -U test -A trust -E UTF8 --locale=C --no-sync >/dev/null
exec "${as[@]}" setpriv --pdeathsig TERM "$bin/postgres" -D "$dir/data" -k "$dir" \
	-c listen_addresses= -c fsync=off -c full_page_writes=off -c synchronous_commit=off \
	-c shared_buffers=16MB -c max_connections=40 -c autovacuum=off -c logging_collector=off \
	-c log_min_messages=panic -c jit=off
