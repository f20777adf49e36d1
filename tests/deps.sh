#!/bin/bash
# usage: tests/deps.sh [--python PYTHON] PACKAGE...
# Installs the Debian packages that are missing; with --python, also the Python tools of
# tests/requirements.txt into .venvs/dev. Quiet, and done in a moment, when nothing is missing.
# CLANG in a package's name stands for the major version of the installed clang.
set -eu
cd "$(dirname "$0")/.."
python=
if [ "${1-}" = --python ]; then
	python=$2
	shift 2
fi

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		sudo "$@"
	fi
}

install_missing() {
	local p missing=() install
	for p in "$@"; do
		[ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$p" 2>/dev/null)" = "ii " ] || missing+=("$p")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	echo "deps: installing ${missing[*]}"
	# A server that is installed for tests is not started: programs are asked before they start one.
	local policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
		as_root chmod 755 $policy
		trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
	fi
	install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends
		-o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 install "${missing[@]}")
	# The package lists at hand may do; a bare machine has none, or old ones.
	as_root "${install[@]}" </dev/null >/dev/null 2>&1 || {
		as_root apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null
		as_root "${install[@]}" </dev/null >/dev/null
	}
}

now=() for_clang=()
for p in "$@"; do
	case $p in
	*CLANG*) for_clang+=("$p") ;;
	*) now+=("$p") ;;
	esac
done
install_missing "${now[@]}"
if [ ${#for_clang[@]} -gt 0 ]; then
	version=$(clang -dumpversion)
	install_missing "${for_clang[@]//CLANG/${version%%.*}}"
fi
[ -n "$python" ] || exit 0

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
