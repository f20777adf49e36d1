#!/bin/bash
# Every test that docs/security.md names is there: FILE, or FILE::NAME with a function of that name.
set -eu
cd "$(dirname "$0")/../.."
page=docs/security.md
bad=0
# shellcheck disable=SC2016  # backticks are Markdown here
named=$(grep -oE '`[a-z-]+/[A-Za-z0-9_./-]+\.(py|c|sh|scn)(::[A-Za-z0-9_]+)?`' "$page" | tr -d '`' | sort -u)
[ -n "$named" ] || {
	echo "$page: names no test"
	exit 1
}
for test in $named; do
	file=${test%%::*} name=${test#*::}
	if [ ! -f "$file" ]; then
		echo "$page: $test: there is no such file"
		bad=1
	elif [ "$name" != "$test" ] && ! grep -qE "^(def )?$name\(" "$file"; then
		echo "$page: $test: there is no such test"
		bad=1
	fi
done
exit $bad
