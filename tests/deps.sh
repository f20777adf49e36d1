#!/bin/bash
# usage: tests/deps.sh PYTHON PACKAGE...
# Installs the Debian packages that are missing and the Python tools of tests/requirements.txt
# into .venvs/dev. Quiet, and done in a moment, when nothing is missing.
set -eu
cd "$(dirname "$0")/.."
python=$1
shift

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

missing=()
for p in "$@"; do
	[ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$p" 2>/dev/null)" = "ii " ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
	echo "deps: installing ${missing[*]}"
	install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install "${missing[@]}")
	# The lists at hand may do; a bare machine has none, or old ones.
	as_root "${install[@]}" </dev/null >/dev/null 2>&1 || {
		as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null
		as_root "${install[@]}" </dev/null >/dev/null
	}
fi

lock=tests/requirements.txt
stamp=.venvs/dev/.installed
want=$(sha256sum <$lock)
if [ "$(cat $stamp 2>/dev/null)" != "$want" ]; then
	echo "deps: Python tools into .venvs/dev"
	rm -rf .venvs/dev
	"$python" -m venv .venvs/dev
	.venvs/dev/bin/python -m pip -q --disable-pip-version-check install --no-deps --require-hashes -r $lock
	echo "$want" >$stamp
fi
