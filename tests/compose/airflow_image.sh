#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/compose/airflow_image.sh NAME
# Builds an image with Airflow 3.3 for tests/compose/demo.sh: Debian's Python and the hash-locked
# packages of tests/airflow/airflow33.lock. It has what the demo needs, and is not for other use.
# Nothing is done when the image of this lock is there. Needs root, mmdebstrap, buildah, .venvs/dev.
set -eu
cd "$(dirname "$0")/../.."
name=$1 lock=tests/airflow/airflow33.lock out=build/compose
tag=$name:$(cat $lock "$0" | sha256sum | cut -c1-16)
if ! buildah inspect --type image "$tag" >/dev/null 2>&1; then
	echo "airflow_image.sh: $tag" >&2
	rm -rf $out/root
	mkdir -p $out/root
	# bookworm's Python is 3.11.
	mmdebstrap --quiet --variant=minbase --include=python3,ca-certificates bookworm $out/root \
		${MIRROR:+"$MIRROR"} >$out/mmdebstrap.log 2>&1 </dev/null
	.venvs/dev/bin/uv pip install --quiet --require-hashes --python-version 3.11 \
		--link-mode copy --target $out/root/usr/local/lib/python3.11/dist-packages -r $lock
	printf '#!/bin/sh\nexec python3 -m airflow "$@"\n' >$out/root/usr/local/bin/airflow
	chmod 0755 $out/root/usr/local/bin/airflow
	install -d -o 50000 -g 0 -m 0775 $out/root/home/airflow
	container=$(buildah from scratch)
	buildah add --quiet "$container" $out/root / >/dev/null
	buildah config --env AIRFLOW_HOME=/home/airflow --user 50000:0 \
		--entrypoint '["airflow"]' "$container"
	buildah commit --quiet --rm "$container" "$tag" >/dev/null
	rm -rf $out/root
fi
echo "$tag"
