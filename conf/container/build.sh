#!/bin/bash
# usage: conf/container/build.sh VERSION OUT ARCHITECTURE...
# Builds the image for each of Debian's ARCHITECTUREs (amd64, arm64) and names it
# localhost/connd:VERSION-ARCHITECTURE. localhost/connd:VERSION is the list of them, which
# OUT/connd-VERSION.oci.tar holds too (OCI layout). Needs root, mmdebstrap, buildah, and a gcc
# for each architecture.
#
#   MIRROR   the Debian mirror to take packages from; without it, mmdebstrap's own choice
#   CONTAINERS_CONF, CONTAINERS_STORAGE_CONF   as for buildah
set -eu
cd "$(dirname "$0")/../.."
version=$1 out=$2
shift 2
name=localhost/connd
suite=bookworm
# What the programs are built with. The libraries they load come along.
packages=libc6-dev,libevent-dev,libcjson-dev,libcurl4-openssl-dev,libpq-dev,libsodium-dev
packages+=,libsqlite3-dev,libssl-dev,libyaml-dev,zlib1g-dev,ca-certificates

export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
revision=$(git rev-parse HEAD)
[ -z "$(git status --porcelain)" ] || revision+=-modified

fail() {
	echo "image: $*" >&2
	exit 1
}

[ "$(id -u)" -eq 0 ] || fail "only root can lay out the image's root: run it with sudo"

# Keeps the output of a command, and shows it only when the command fails.
quietly() {
	local log=build/image/$1.log
	shift
	"$@" >"$log" 2>&1 </dev/null || {
		tail -n 40 "$log" >&2
		fail "failed: $*"
	}
}

megabytes() { echo "$(($1 / 1000000)).$(($1 / 100000 % 10)) MB"; }

compiler_prefix() {
	case $1 in
	amd64) echo x86_64-linux-gnu- ;;
	arm64) echo aarch64-linux-gnu- ;;
	*) fail "$1: not an architecture that is built: expected amd64 or arm64" ;;
	esac
}

# A root of packages made today is used again: Debian mends packages every day, not every minute.
make_sysroot() {
	local arch=$1 dir=build/image/$1/sysroot want
	want="$suite $packages ${MIRROR-} $(date -u +%F)"
	[ "$(cat "$dir.made" 2>/dev/null)" != "$want" ] || return 0
	rm -rf "$dir" "$dir.made"
	# shellcheck disable=SC2016  # $1 is the hook's
	quietly "sysroot-$arch" mmdebstrap --variant=extract --architectures="$arch" \
		--include="$packages" --extract-hook='conf/container/record_packages.sh "$1"' \
		"$suite" "$dir" ${MIRROR:+"$MIRROR"}
	echo "$want" >"$dir.made"
}

compile() {
	local dir=build/image/$1 prefix
	prefix=$(compiler_prefix "$1")
	command -v "${prefix}gcc" >/dev/null ||
		fail "there is no ${prefix}gcc on this machine: install the gcc package of that name"
	quietly "compile-$1" make -j"$(nproc)" B="$dir/obj" BIN="$dir/bin" \
		CC="${prefix}gcc --sysroot=$PWD/$dir/sysroot" AR="${prefix}ar" \
		CFLAGS="-ffile-prefix-map=$PWD/$dir/sysroot= -ffile-prefix-map=$PWD=." all
	for program in connd connctl connd-manager; do
		"${prefix}strip" -o "$dir/stripped/$program" "$dir/bin/$program"
	done
}

mkdir -p "$out" build/image
images=()
for arch; do
	mkdir -p build/image/"$arch"/{bin,stripped}
	make_sysroot "$arch"
	compile "$arch"
	quietly "root-$arch" conf/container/root.sh build/image/"$arch"/{sysroot,stripped,root}
	mkdir -p build/image/"$arch"/context
	tar -C build/image/"$arch"/root --sort=name --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
		-cf build/image/"$arch"/context/root.tar .
	quietly "commit-$arch" buildah bud --isolation chroot --arch "$arch" \
		--timestamp "$SOURCE_DATE_EPOCH" \
		--build-arg VERSION="$version" --build-arg REVISION="$revision" \
		-f conf/container/Containerfile -t "$name:$version-$arch" build/image/"$arch"/context
	images+=("$name:$version-$arch")
	echo "image: $name:$version-$arch, $(megabytes "$(du -sb build/image/"$arch"/root | cut -f 1)")"
done

buildah manifest rm "$name:$version" >/dev/null 2>&1 || : # an earlier one, if there is one
quietly manifest buildah manifest create "$name:$version" "${images[@]}"
tar=$out/connd-$version.oci.tar
rm -f "$out"/connd-*.oci.tar # of another version, too: OUT is one release
quietly push buildah manifest push --all "$name:$version" \
	oci-archive:"$tar"
size=$(stat -c %s "$tar")
echo "image: $tar, $(megabytes "$size"); podman pull oci-archive:FILE"
# Owned by the user of sudo, so that make clean needs no sudo.
[ -z "${SUDO_UID-}" ] || chown -R "$SUDO_UID" build/image "$out"
