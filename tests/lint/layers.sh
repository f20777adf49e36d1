#!/bin/sh
# Who may include whom: the architecture, as two tables the code obeys.
# daemon/main.c and daemon/app.c tie the parts of connd together and may include every layer.
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
curl/      daemon/edge/upstream.c daemon/ctl/http.c
event2/    daemon/edge/ daemon/manager/ daemon/app.c
ini.h      daemon/core/config.c
openssl/   daemon/edge/upstream.c daemon/edge/harden.c daemon/manager/
sodium.h   daemon/base/ daemon/manager/token.c
sqlite3.h  daemon/manager/store_sqlite
'

includes() { # the names in a file's #include lines: $1 is < or "
	sed -nE "s/^[[:space:]]*#[[:space:]]*include[[:space:]]*$1([^>\"]+).*/\1/p" "$2"
}

bad=0
for path in $(git ls-files -co --exclude-standard 'daemon/*.[ch]' 'proto/*.[ch]'); do
	[ -f "$path" ] || continue
	f=${path#daemon/}
	case $f in
	*/*) may=$(echo "$layers" | sed -n "s/^${f%%/*}  *//p") ;;
	*) may='base proto core edge app.h' ;;
	esac
	for inc in $(includes '"' "$path"); do
		case " $may gen " in
		*" ${inc%%/*} "*) ;;
		*) echo "$path: may not include \"$inc\" (it may use: $may)" && bad=1 ;;
		esac
	done
	for inc in $(includes '<' "$path"); do
		home=$(echo "$homes" | awk -v i="$inc" 'NF && index(i, $1) == 1 { $1 = ""; print }')
		[ -n "$home" ] || continue
		found=
		for h in $home; do case $path in "$h"*) found=1 ;; esac; done
		[ -n "$found" ] || { echo "$path: <$inc> is included only from$home" && bad=1; }
	done
done
exit $bad
