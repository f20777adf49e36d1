#!/bin/bash
# usage: conf/debian/build.sh VERSION MAINTAINER OUT
# Builds the Debian packages of the committed and uncommitted sources of this checkout in build/deb,
# puts them into OUT and lets lintian judge them. The same sources give the same bytes.
set -eu
cd "$(dirname "$0")/../.."
version=$1 maintainer=$2 out=$3
tree=build/deb/connd-$version

rm -rf build/deb
mkdir -p "$tree" "$out"
git ls-files -co --exclude-standard -z | while IFS= read -r -d '' f; do
	if [ -e "$f" ]; then printf '%s\0' "$f"; fi
done | tar --null -T - -c | tar -x -C "$tree"
cp -r conf/debian "$tree/debian"
rm "$tree/debian/build.sh"

# What this release says of itself in Debian's form; the whole story is CHANGELOG.md.
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
sed -i "s/@MAINTAINER@/$maintainer/" "$tree/debian/control"
cat >"$tree/debian/changelog" <<TEXT
connd ($version) unstable; urgency=medium

  * Release $version. What changed: /usr/share/doc/connd/changelog.gz

 -- $maintainer  $(date -uR -d "@$SOURCE_DATE_EPOCH")
TEXT

log=build/deb/build.log
# Debian's own tools and Python, whatever else is on this machine.
if ! (export PATH=/usr/sbin:/usr/bin:/sbin:/bin && cd "$tree" && dpkg-buildpackage -b -us -uc) >$log 2>&1; then
	tail -n 40 $log
	echo "deb: dpkg-buildpackage failed; everything it said is in $log"
	exit 1
fi
# By Debian's rules on Ubuntu, too, where the name of the distribution would be an error. The lintian
# of Ubuntu 22.04 (2.114) finds no interpreter in files that hold nothing but debugging symbols.
accepted=(--suppress-tags-from-file conf/debian/lintian-accepted)
if dpkg --compare-versions "$(dpkg-query -W -f='${Version}' lintian)" lt 2.115; then
	accepted+=(--suppress-tags elf-error)
fi
lintian --profile debian --allow-root --fail-on error,warning "${accepted[@]}" build/deb/*.changes
rm -f "$out"/*.deb "$out"/*.ddeb
mv build/deb/*.deb "$out"
ls "$out"/*.deb
