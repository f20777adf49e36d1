#!/bin/bash
# systemd accepts every unit file without a word. It exits 0 on unknown keys, so its stderr decides.
# The programs are not installed here: their path is replaced by one that is.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
for unit in systemd/*.service systemd/*.socket; do
	sed 's,/usr/bin/connd[a-z-]*,/usr/bin/true,' "$unit" >"$dir/${unit##*/}"
done
said=$(systemd-analyze verify --man=no "$dir"/* 2>&1) || said+=" (exit status $?)"
[ -z "$said" ] || {
	printf '%s\n' "$said"
	exit 1
}
