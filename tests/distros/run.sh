#!/bin/bash
# usage: tests/distros/run.sh [NAME...]
# The project on other distributions, each in a root of its own made by debootstrap: it is built and
# its unit tests pass; its packages are built, installed in a second root with nothing else, and serve
# a lookup; that systemd reads the units. Needs root and the distributions' mirrors. Roots are
# kept in build/distros and used again.
set -u
cd "$(dirname "$0")/../.." || exit
here=build/distros
mkdir -p $here
declare -A suite=([debian-13]=trixie [ubuntu-22.04]=jammy [ubuntu-24.04]=noble)
[ $# -gt 0 ] || set -- debian-13 ubuntu-22.04 ubuntu-24.04

# A bare root of that distribution. Debian has no key of Ubuntu's archive: what the mirror sends is not
# verified, and good enough to test on.
bootstrap() { # name, directory
	local mirror=http://deb.debian.org/debian more=() scripts=/usr/share/debootstrap/scripts script
	script=$scripts/${suite[$1]}
	[ ! -e "$2/.whole" ] || return 0
	rm -rf "$2"
	if [[ $1 == ubuntu-* ]]; then
		mirror=http://archive.ubuntu.com/ubuntu
		more=(--no-check-gpg "--components=main,universe")
		[ -e "$script" ] || script=$scripts/jammy # the same for all of them
	fi
	debootstrap --variant=minbase "${more[@]}" "${suite[$1]}" "$2" "$mirror" "$script" &&
		touch "$2/.whole"
}

# A command in a root, with its own /proc, /dev, /run and /tmp.
inside() { # root, command...
	# shellcheck disable=SC2016  # expanded inside
	unshare --mount --pid --fork bash -ec '
		root=$1; shift
		mount --make-rprivate /
		mount -t proc proc "$root/proc"
		mount --rbind /dev "$root/dev"
		mount -t tmpfs tmpfs "$root/run"
		mount -t tmpfs tmpfs "$root/tmp"
		cp --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
		echo "127.0.0.1 localhost" >"$root/etc/hosts"
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
			DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"' bash "$@"
}

installed() { # root, package...
	inside "$1" apt-get -qq update &&
		inside "$1" apt-get -qq -y --no-install-recommends install "${@:2}"
}

built() { # name: builds and tests in the root NAME; the packages are left in its /src/dist
	local root=$here/$1
	bootstrap "$1" "$root" || return
	rm -rf "$root/src"
	mkdir -p "$root/src"
	git ls-files -co --exclude-standard -z |
		tar --null --ignore-failed-read -T - -c 2>/dev/null | tar -x -C "$root/src" || return
	installed "$root" make git ca-certificates libcmocka-dev || return
	inside "$root" sh -ec 'cd /src
		git config --global user.name test
		git config --global user.email test@test.example
		git init -q && git add -A && git commit -qm source
		make -s build-deps && make -s -j2 WERROR=-Werror all && make -s unit && make -s deb'
}

served() { # name: the packages alone, in the root NAME-bare
	local bare=$here/$1-bare
	bootstrap "$1" "$bare" || return
	rm -rf "$bare/dist"
	cp -r "$here/$1/src/dist" "$bare/dist" || return
	install -m 0755 tests/distros/lookup.sh "$bare/dist/"
	rm -f "$bare"/dist/*dbgsym*
	installed "$bare" systemd || return
	# shellcheck disable=SC2016  # expanded inside
	inside "$bare" sh -ec 'apt-get -qq -y --no-install-recommends install /dist/*.deb' || return
	inside "$bare" /dist/lookup.sh || return
	inside "$bare" apt-get -qq -y purge connd connd-manager python3-airflow-connd
}

bad=0
for name in "$@"; do
	log=$here/$name.log t0=$SECONDS
	[ -n "${suite[$name]-}" ] || { echo "$name: not one of: ${!suite[*]}" && exit 2; }
	if { built "$name" && served "$name"; } >"$log" 2>&1; then
		unit=$(grep -o 'unit: .*' "$log" | tail -n 1)
		echo "$name: $unit; $(tail -n 1 "$here/$name-bare/dist/said"); $((SECONDS - t0)) s"
	else
		bad=1
		tail -n 30 "$log"
		echo "$name: failed after $((SECONDS - t0)) s; everything it said is in $log"
	fi
done
exit $bad
