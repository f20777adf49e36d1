#!/bin/sh
# usage: record_packages.sh ROOT
# mmdebstrap calls it when the packages are downloaded and extracted. It keeps each package's control
# file and list of files in ROOT/packages, since an extracted root has no dpkg database.
set -eu
mkdir "$1/packages"
for deb in "$1"/var/cache/apt/archives/*.deb; do
	name=$(dpkg-deb -f "$deb" Package)
	dpkg-deb -f "$deb" >"$1/packages/$name.control"
	dpkg-deb --fsys-tarfile "$deb" | tar -t | sed -n 's,^\./,,; /[^/]$/p' >"$1/packages/$name.files"
done
