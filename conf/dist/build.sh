#!/bin/bash
# usage: conf/dist/build.sh VERSION OUT
# Completes a release in OUT, where the Debian packages are already: the shim's wheel and source
# distribution, the SPDX document and the checksums. The same sources give the same bytes.
set -eu
cd "$(dirname "$0")/../.."
version=$1 out=$(realpath "$2")
python=$PWD/.venvs/dev/bin/python

export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
rm -f "$out"/*.whl "$out"/*.tar.gz "$out"/*.spdx.json "$out"/SHA256SUMS
(cd python-shim && "$python" -m hatchling build -d "$out" >/dev/null 2>&1)
created=$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)
sbom=$out/connd-$version.spdx.json
"$python" conf/dist/sbom.py "$version" "$created" "$out" >"$sbom"
.venvs/dev/bin/pyspdxtools -i "$sbom"
(cd "$out" && sha256sum -- * >SHA256SUMS)
ls -l "$out"
