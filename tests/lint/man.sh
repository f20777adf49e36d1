#!/bin/bash
# The manual pages are sound mdoc, and connd.conf(5) describes every option and no other.
set -eu
cd "$(dirname "$0")/../.."

# Pages that are not installed here are not a fault.
complaints=$(mandoc -Tlint conf/man/* | grep -v 'referenced manual not found' || true)
[ -z "$complaints" ] || { echo "$complaints"; exit 1; }

# section.key, from the option table and from ".Ss Section NAME" and ".It Cm KEY , KEY" lines.
table() {
	sed -nE 's/^\t(OPTION|NUMBER|CHOICE)\("([a-z_]+)", "([a-z_]+)", .*/\2.\3/p' \
		daemon/core/config/option.c | sort
}
described() {
	awk '/^\.Ss / { section = $3 }
	     /^\.It Cm / { for (i = 3; i <= NF; i++) if ($i != ",") print section "." $i }' \
		conf/man/connd.conf.5 | sort
}
diff <(table) <(described) | sed -n -e 's|^< |conf/man/connd.conf.5: does not describe |p' \
	-e 's|^> |conf/man/connd.conf.5: there is no option |p' | grep . && exit 1
exit 0
