#!/bin/bash
# The manual pages are sound mdoc, and connd.conf(5) tells of every option and no other.
set -eu
cd "$(dirname "$0")/../.."

# Pages that are not installed here are no fault.
complaints=$(mandoc -Tlint conf/man/* | grep -v 'referenced manual not found' || true)
[ -z "$complaints" ] || { echo "$complaints"; exit 1; }

# section.key, from the option table and from ".Ss Section NAME" and ".It Cm KEY , KEY" lines.
table() {
	sed -nE 's/^\t(OPTION|NUMBER|CHOICE)\("([a-z_]+)", "([a-z_]+)", .*/\2.\3/p' \
		daemon/core/config/option.c | sort
}
told() {
	awk '/^\.Ss / { section = $3 }
	     /^\.It Cm / { for (i = 3; i <= NF; i++) if ($i != ",") print section "." $i }' \
		conf/man/connd.conf.5 | sort
}
diff <(table) <(told) | sed -n -e 's|^< |conf/man/connd.conf.5: says nothing of |p' \
	-e 's|^> |conf/man/connd.conf.5: there is no option |p' | grep . && exit 1
exit 0
