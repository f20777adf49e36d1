#!/bin/bash
# Breaks each wall of tests/lint/layers.sh and each rule of tests/lint/structure.sh in a copy of
# the tree; the check must object every time.
set -u
cd "$(dirname "$0")/../.." || exit
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r daemon proto "$copy"

mkdir -p "$copy/python-shim/src"

for check in layers structure; do
	"tests/lint/$check.sh" "$copy" >/dev/null || {
		echo "the tree itself does not pass tests/lint/$check.sh"
		exit 1
	}
done

failed=0
# a file, then the line that it must not contain
while read -r file line; do
	cp "$copy/$file" "$copy/kept"
	echo "$line" >>"$copy/$file"
	if tests/lint/layers.sh "$copy" >/dev/null; then
		echo "not caught: $line in $file"
		failed=1
	fi
	mv "$copy/kept" "$copy/$file"
done <<'WALLS'
daemon/base/buf.c #include "core/acl.h"
daemon/base/json/scan.c #include "proto/page.h"
proto/page.c #include "core/acl.h"
daemon/core/acl.c #include "proto/page.h"
daemon/core/replica.c #include "core/snapshot/content.h"
daemon/edge/socket/serve.c #include "edge/upstream/fetch.h"
daemon/edge/socket/serve.c #include "edge/disk/snapshot.h"
daemon/edge/upstream/sync.c #include "edge/socket/peer.h"
daemon/edge/disk/disk.c #include "edge/upstream/fetch.h"
daemon/edge/process/loop.c #include "edge/socket/peer.h"
daemon/edge/socket/serve.c #include "connd/app.h"
daemon/manager/http/conn.c #include "manager/api/api.h"
daemon/manager/http/conn.c #include "manager/store/store.h"
daemon/manager/http/parse.c #include "base/json/scan.h"
daemon/manager/model/value.c #include "manager/store/store.h"
daemon/manager/model/value.c #include "manager/api/api.h"
daemon/manager/store/sqlite/db.c #include "manager/api/api.h"
daemon/manager/store/keys.c #include "manager/http/server.h"
daemon/manager/api/list.c #include "manager/store/sqlite/sqlite.h"
daemon/manager/store/sql/list.c #include "manager/store/sqlite/sqlite.h"
daemon/manager/api/list.c #include "manager/program/serve.h"
daemon/ctl/get.c #include "edge/socket/peer.h"
daemon/ctl/get.c #include "manager/store/store.h"
daemon/core/acl.c #include <event2/event.h>
daemon/manager/api/list.c #include <sqlite3.h>
daemon/manager/store/sql/list.c #include <sqlite3.h>
WALLS

structure_catches() { # what was changed in the copy; it is put back
	if tests/lint/structure.sh "$copy" >/dev/null; then
		echo "not caught: $1"
		failed=1
	fi
	cp daemon/core/*.h "$copy/daemon/core"
	cp proto/frame.c "$copy/proto"
}
echo '#include "core/backoff.h"' >>"$copy/daemon/core/acl.h"
echo '#include "core/freshness.h"' >>"$copy/daemon/core/backoff.h"
echo '#include "core/acl.h"' >>"$copy/daemon/core/freshness.h"
structure_catches "a circle of three modules"
yes | head -n 601 >"$copy/proto/frame.c"
structure_catches "a file of 601 lines"
exit $failed
