#!/bin/bash
# usage: conf/generate.sh GENERATE [--check]
# Writes what the programs' option tables say into conf/completions/ and between the marks of the
# manual pages; with --check, says which of these files are not as they would be written. GENERATE
# is the program built from conf/generate.c.
set -eu
generate=$(realpath "$1") check=${2-}
cd "$(dirname "$0")"
begin='.\" Written from the option table by "make generated", up to the next mark.'
end='.\" End of what is written from the option table.'
new=$(mktemp)
trap 'rm -f "$new"' EXIT
bad=0

put() { # FILE: takes $new
	if [ "$check" = --check ]; then
		cmp -s "$new" "$1" || {
			echo "conf/$1 is not what the option table says: run make generated"
			bad=1
		}
	else
		cmp -s "$new" "$1" || cat "$new" >"$1"
	fi
}

for page in man/*.[0-9]; do
	program=$(basename "${page%.*}")
	grep -qxF "$begin" "$page" || continue
	{
		sed -n "1,/^${begin//\\/\\\\}\$/p" "$page"
		"$generate" man "$program"
		sed -n "/^${end//\\/\\\\}\$/,\$p" "$page"
	} >"$new"
	put "$page"
	for shell in bash zsh fish; do
		"$generate" $shell "$program" >"$new"
		put "completions/$program.$shell"
	done
done
exit $bad
