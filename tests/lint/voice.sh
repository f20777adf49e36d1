#!/bin/bash
# usage: tests/lint/voice.sh [--lower]
# The house style where a machine can judge it: words that are not used (tests/lint/voice.txt), lines
# over 100 columns, torn comments. What the tree still has of each is counted, and no count may grow.
set -eu
cd "$(dirname "$0")/../.."
rules=tests/lint/voice.txt
columns=100

files() { # of prose and code; not the licence, locks, golden messages and this list itself
	git ls-files -co --exclude-standard -- '*.[ch]' '*.py' '*.sh' '*.md' '*.yaml' '*.varlink' '*.sql' \
		'*.scn' Makefile .ci conf systemd ":!$rules" |
		while read -r f; do [ ! -f "$f" ] || echo "$f"; done
}
code() { files | grep -E '\.([ch]|py|sh)$|^\.ci/|^Makefile$'; }

# A comment of several lines that begins with text; one that begins behind code; a declaration that
# was broken to make room for one.
torn='^[ \t]*/\* (?!.*\*/)|^[ \t]*[^\s/*"#][^"]*/\*(?!.*\*/)|^\t+ {4}\*?\w*(\[[^]]*\])*[;,] /\*'

# "file:line: text" of each hit
hits() { # pattern; "long": lines over so many columns; "torn": see above
	if [ "$1" = torn ]; then
		code | grep '\.[ch]$' | xargs grep -nP -- "$torn" || true
	elif [ "$1" = long ]; then
		code | while read -r f; do
			expand -t 8 "$f" | awk -v f="$f" -v n=$columns 'length($0) > n { print f ":" NR ": " $0 }'
		done
	else
		files | xargs grep -nP -- "$1" || true
	fi
}

# Of the hits, those on lines that the last commits or the work tree changed: most likely the new ones.
fresh() {
	local base
	base=$(git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)
	[ "$base" != "$(git rev-parse HEAD)" ] || base=HEAD~1
	grep -Ff <(git diff -U0 "$base" 2>/dev/null | sed -n 's/^+\([^+].*\)/\1/p' | sed '/^[[:space:]]*$/d') || true
}

bad=0 lowered=
while IFS=$'\t' read -r may pattern instead; do
	case $may in
	'#'*)
		lowered+=$may$'\n'
		continue
		;;
	esac
	found=$(hits "$pattern")
	n=$(printf '%s' "$found" | grep -c '' || true)
	lowered+=$(printf '%s\t%s\t%s' $((n < may ? n : may)) "$pattern" "$instead")$'\n'
	if [ "$n" -gt "$may" ] && [ "${1-}" != --lower ]; then
		echo "$rules: /$pattern/ stands $n times, $may are allowed. Write: $instead"
		printf '%s\n' "$found" | fresh | head -n 20
		bad=1
	fi
done <$rules
[ "${1-}" != --lower ] || printf '%s' "$lowered" >$rules
exit $bad
