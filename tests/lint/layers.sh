#!/bin/sh
# Who may include whom: the architecture, as two tables the code obeys.
# daemon/main.c and daemon/app*.c tie the parts of connd together and may include every layer.
set -eu
cd "$(dirname "$0")/../.."

# a folder, and the layers whose headers its files may include
layers='
base    base
proto   base proto
core    base core
edge    base proto core edge
manager base proto manager
ctl     base proto ctl
'
# a third-party header (or its folder), and the only places it is included from
homes='
cjson/     proto/json.c
curl/      daemon/edge/libcurl.h daemon/ctl/http.c
event2/    daemon/edge/ daemon/manager/ daemon/app
ini.h      daemon/core/config.c
openssl/   daemon/edge/libcurl.c daemon/ctl/http.c daemon/manager/
sodium.h   daemon/base/ daemon/manager/token.c
sqlite3.h  daemon/manager/store_sqlite
'


# shellcheck disable=SC2016  # awk's own $0
git ls-files -co --exclude-standard 'daemon/*.[ch]' 'proto/*.[ch]' | while read -r f; do
	[ ! -f "$f" ] || echo "$f"
done | xargs awk -v layers="$layers" -v homes="$homes" '
	BEGIN {
		n = split(layers, row, "\n")
		for (i = 1; i <= n; i++) {
			of = row[i]
			sub(/ .*/, "", of)
			may[of] = substr(row[i], length(of) + 1) " gen "
		}
		n_homes = split(homes, home, "\n")
	}
	function complain(what) { print FILENAME ":" FNR ": " what; bad = 1 }
	function at_home(name,    i, k, n, w) {
		for (i = 1; i <= n_homes; i++) {
			n = split(home[i], w, " ")
			if (!n || index(name, w[1]) != 1)
				continue
			for (k = 2; k <= n; k++)
				if (index(FILENAME, w[k]) == 1)
					return
			complain("<" name "> has its home elsewhere:" substr(home[i], length(w[1]) + 1))
		}
	}
	FNR == 1 {
		layer = FILENAME
		sub(/^daemon\//, "", layer)
		allowed = sub(/\/.*/, "", layer) ? may[layer] : " base proto core edge app.h app_internal.h gen "
	}
	match($0, /^[ \t]*#[ \t]*include[ \t]*[<"]/) {
		name = substr($0, RLENGTH + 1)
		sub(/[>"].*/, "", name)
		if (substr($0, RLENGTH, 1) == "<")
			at_home(name)
		else if (index(allowed, " " substr(name, 1, index(name "/", "/") - 1) " ") == 0)
			complain("may not include \"" name "\", only:" allowed)
	}
	END { exit bad }'
