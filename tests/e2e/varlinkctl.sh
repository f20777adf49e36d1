#!/bin/bash
# Prints a command that is varlinkctl. It comes with systemd 255 and newer: on an older Debian, the
# packages of Debian 13 are unpacked into .venvs/varlinkctl (nothing is installed) from the mirror
# that apt uses here.
set -eu
cd "$(dirname "$0")/../.."
if command -v varlinkctl; then
	exit
fi
home=$PWD/.venvs/varlinkctl
packages=(systemd libsystemd-shared libc6 libcap2 libcrypt1 libmount1 libblkid1 libselinux1
	libpcre2-8-0 libseccomp2 libssl3t64 libgcc-s1 zlib1g libacl1)
release=trixie

fetch() { # into $1
	local mirror options
	# shellcheck disable=SC2016  # apt's own variables
	mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		awk '$2 !~ /-/ && !seen++ { print $1 }')
	mkdir -p "$1/lists/partial" "$1/cache"
	echo "deb $mirror $release main" >"$1/sources.list"
	options=(-qq -o Dir::Etc::SourceList="$1/sources.list" -o Dir::Etc::SourceParts=/dev/null
		-o Dir::State::Lists="$1/lists" -o Dir::Cache="$1/cache" -o APT::Sandbox::User=root)
	apt-get "${options[@]}" update
	(cd "$1" && apt-get "${options[@]}" download "${packages[@]}")
}

exec 9>"$PWD/.venvs/.varlinkctl.lock"
flock 9
if [ ! -x "$home/varlinkctl" ]; then
	new=$(mktemp -d "$PWD/.venvs/varlinkctl.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	fetch "$new" >&2
	for deb in "$new"/*.deb; do dpkg -x "$deb" "$new/root"; done
	rm -rf "$new"/*.deb "$new/lists" "$new/cache" "$new/sources.list"
	# Through its own loader: nothing in there is for this machine's.
	cat >"$new/varlinkctl" <<-'WRAPPER'
		#!/bin/sh
		root=$(dirname "$(readlink -f "$0")")/root
		lib=$(echo "$root"/usr/lib/*-linux-gnu)
		exec "$(echo "$root"/usr/lib*/ld-linux-*.so.*)" --library-path "$lib:$lib/systemd" \
			"$root/usr/bin/varlinkctl" "$@"
	WRAPPER
	chmod 0755 "$new/varlinkctl" "$new"
	rm -rf "$home"
	mv "$new" "$home"
	trap - EXIT
fi
echo "$home/varlinkctl"
