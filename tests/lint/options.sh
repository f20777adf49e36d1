#!/bin/bash
# conf/connd.conf shows every option of the table in daemon/core/config/option.c, and no other; one
# that has a default is shown with it.
set -eu
cd "$(dirname "$0")/../.."

# OPTION("section", "key", TYPE, CHANGE, member, "preset" or NULL...   ->   section.key[ = preset]
table() {
	sed -nE -e 's/^\t(OPTION|NUMBER|CHOICE)\("([a-z_]+)", "([a-z_]+)", .*, NULL.*/\2.\3/p' \
		-e 's/^\t(OPTION|NUMBER|CHOICE)\("([a-z_]+)", "([a-z_]+)", [^"]*"([^"]*)".*/\2.\3 = \4/p' \
		daemon/core/config/option.c
}
# [section] and "key =" lines, behind a "#" or not; prose stands behind "# "
shown() {
	awk '/^#?\[[a-z]+\]$/ { gsub(/[][#]/, ""); section = $0 }
	     /^#?[a-z_]+ = / { sub(/^#/, ""); print section "." $0 }' conf/connd.conf
}

if [ "$(table | wc -l)" -lt 20 ]; then
	echo "daemon/core/config/option.c: no option table that this check can read"
	exit 1
fi
awk -v conf=conf/connd.conf '
	{ name = $0; sub(/ = .*/, "", name) }
	FNR == NR { preset[name] = $0 == name ? "" : $0; next }
	{ seen[name] = 1 }
	!(name in preset) { print conf ": there is no option " name; bad = 1; next }
	preset[name] != "" && preset[name] != $0 { print conf ": " $0 ", but the default is: " preset[name]; bad = 1 }
	END {
		for (name in preset)
			if (!(name in seen)) { print conf ": does not name " name; bad = 1 }
		exit bad
	}' <(table) <(shown)
