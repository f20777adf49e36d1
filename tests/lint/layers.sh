#!/bin/sh
# usage: tests/lint/layers.sh [DIRECTORY]
# Checks which folder includes which, and where each third-party header is included: the
# architecture, as two tables. DIRECTORY (default: this checkout) is the tree to check.
set -eu
cd "${1:-$(dirname "$0")/../..}"

# A folder below daemon/ (proto: the top-level one), then the folders its files may include besides
# itself. A name covers the folders below it unless those have a row of their own. daemon/connd and
# daemon/manager/program tie the parts of a program together.
folders='
base                   base/json
base/cli               base
base/json              base
proto                  base base/json
core                   base base/json
core/config            base base/json core
core/snapshot          base base/json core
edge/process           base base/json core core/config proto
edge/socket            base base/json core core/config proto edge/process
edge/upstream          base base/json core core/config proto edge/process
edge/disk              base base/json core core/config core/snapshot edge/process
connd                  base base/cli base/json core core/config core/snapshot proto edge/process edge/socket edge/upstream edge/disk
ctl/doctor             base base/cli base/json core core/config core/snapshot proto ctl ctl/local
manager/fiber          base
manager/http           base
manager/model          base base/json proto
manager/store          base base/json proto manager/model manager/store/postgres manager/store/sqlite
manager/store/sql      base base/json proto manager/model manager/store
manager/store/sqlite   base base/json proto manager/model manager/store manager/store/sql
manager/store/postgres base base/json proto manager/model manager/store manager/store/sql
manager/api/input      base base/json proto manager/model manager/store
manager/api            base base/json proto manager/fiber manager/http manager/model manager/store manager/api/input
manager/program        base base/cli base/json proto manager/fiber manager/http manager/model manager/store manager/api manager/api/input
ctl                    base base/cli base/json proto
ctl/admin              base base/cli base/json ctl
ctl/diff               base base/cli base/json proto ctl ctl/admin ctl/import
ctl/explain            base base/cli base/json proto ctl ctl/admin
ctl/local              base base/cli base/json proto ctl ctl/admin
ctl/export             base base/cli base/json proto ctl ctl/admin ctl/local
ctl/import             base base/cli base/json proto ctl ctl/admin
ctl/scan               base base/cli base/json proto ctl
'
# A third-party header (or its folder), and the only places it is included from.
homes='
cjson/     daemon/ctl/json.c
curl/      daemon/base/curl_setup.h daemon/edge/upstream/libcurl.h daemon/ctl/http.c
event2/    daemon/edge/ daemon/connd/ daemon/manager/
openssl/   daemon/edge/upstream/libcurl.c daemon/ctl/http.c daemon/manager/
sodium.h   daemon/base/ daemon/manager/api/token_internal.h
libpq-fe.h daemon/manager/store/postgres/
sqlite3.h  daemon/manager/store/sqlite/
yaml.h     daemon/ctl/import/yaml.c
zlib.h     daemon/edge/upstream/payload.c daemon/ctl/scan/unpack.c
'

# shellcheck disable=SC2016  # awk's own $0
find daemon proto -name '*.[ch]' | sort | xargs awk -v folders="$folders" -v homes="$homes" '
	BEGIN {
		n = split(folders, row, "\n")
		for (i = 1; i <= n; i++) {
			of = row[i]
			sub(/ .*/, "", of)
			if (of != "")
				may[of] = substr(row[i], length(of) + 1) " " of " gen "
		}
		n_homes = split(homes, home, "\n")
	}
	function complain(what) { print FILENAME ":" FNR ": " what; bad = 1 }
	# The row that covers a path: its own folder, or the nearest one above.
	function room(path) {
		while (sub(/\/[^\/]*$/, "", path))
			if (path in may || path == "gen")
				return path
		return ""
	}
	function at_home(name,    i, k, n, w) {
		for (i = 1; i <= n_homes; i++) {
			n = split(home[i], w, " ")
			if (!n || index(name, w[1]) != 1)
				continue
			for (k = 2; k <= n; k++)
				if (index(FILENAME, w[k]) == 1)
					return
			complain("<" name "> may be included only from" substr(home[i], length(w[1]) + 1))
		}
	}
	FNR == 1 {
		self = FILENAME
		sub(/^daemon\//, "", self)
		self = room(self)
		if (self == "")
			complain("this folder has no row in tests/lint/layers.sh")
	}
	match($0, /^[ \t]*#[ \t]*include[ \t]*[<"]/) {
		name = substr($0, RLENGTH + 1)
		sub(/[>"].*/, "", name)
		if (substr($0, RLENGTH, 1) == "<")
			at_home(name)
		else if (index(may[self], " " room(name) " ") == 0)
			complain(self " may not include \"" name "\", only:" may[self])
	}
	END { exit bad }'
