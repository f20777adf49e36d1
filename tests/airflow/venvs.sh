#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make .venvs/airflow33, .venvs/airflow211 and .venvs/providers33: the hash-locked Airflow versions
# with the shim in editable form. Seconds on a fresh machine, nothing when they are up to date. Needs
# `make deps`. Usage: tests/airflow/venvs.sh [airflow33] [airflow211] [providers33]
#
# To renew a lock, in this folder (the date is of the Airflow release, a few days later; providers33
# as airflow33, after it):
#   uv pip compile --universal --python-version 3.10 --exclude-newer 2026-09-24 --generate-hashes \
#       --no-header -q -o airflow33.lock airflow33.in
#   uv pip compile --universal --python-version 3.10 --exclude-newer 2026-03-20 --generate-hashes \
#       --no-header -q -o airflow211.lock airflow211.in
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venvs=$root/.venvs

# The machine's own Python where that Airflow runs on it; else one that uv finds or fetches.
python_for() { # the name of a lock
	newest=14
	[ "$1" != airflow211 ] || newest=12
	for p in ${PYTHON:-} /usr/bin/python3.11 python3.11 /usr/bin/python3 python3; do
		"$p" -c "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, $newest + 1))" \
			2>/dev/null && echo "$p" && return
	done
	echo 3.12
}
[ $# -gt 0 ] || set -- airflow33 airflow211 providers33
uv=$venvs/dev/bin/uv
[ -x "$uv" ] || { echo "venvs.sh: no $uv: run make deps" >&2; exit 1; }

# Two runs at once (a person's and a script's) would trip over each other.
exec 9>"$venvs/.lock"
flock 9

for name; do
	lock=$here/$name.lock
	venv=$venvs/$name
	stamp=$(cat "$lock" "$root/python-shim/pyproject.toml" "$here/venvs.sh" | sha256sum)
	if [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$stamp" ]; then
		continue
	fi
	echo "venvs.sh: $venv"
	"$uv" venv --quiet --clear --python "$(python_for "$name")" "$venv"
	"$uv" pip sync --quiet --require-hashes --python "$venv/bin/python" "$lock"
	"$uv" pip install --quiet --no-deps --no-build-isolation --python "$venv/bin/python" \
		--editable "$root/python-shim"
	"$uv" pip check --quiet --python "$venv/bin/python"
	printf '%s\n' "$stamp" >"$venv/.stamp"
done
