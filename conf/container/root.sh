#!/bin/bash
# usage: root.sh SYSROOT PROGRAMS ROOT
# Lays out the image's root in ROOT: the three programs from the directory PROGRAMS, the libraries
# they load from SYSROOT (a root of Debian packages that record_packages.sh has seen), the public
# certificate authorities, two accounts, and the copyright and version of each package that is in.
set -eu
sysroot=$1 programs=$2 root=$3
names=(connd connctl connd-manager)
# The user of the image; systemd's units and the packages have their own.
id=10001

# The directory of libraries, which is named after the architecture.
triplet=$(cd "$sysroot/usr/lib" && ls -d ./*-linux-gnu)
triplet=${triplet#./}
libs=$root/usr/lib/$triplet

# The file in SYSROOT behind a path in it, without a leading slash.
real() { realpath -e --relative-to="$sysroot" "$sysroot/$1"; }

find_library() {
	local dir
	for dir in lib usr/lib; do
		[ ! -e "$sysroot/$dir/$triplet/$1" ] || { real "$dir/$triplet/$1"; return; }
	done
	echo "root.sh: $1 is in no package of the root: add its package to PACKAGES in build.sh" >&2
	return 1
}

# The libraries a file is linked with.
needed() { readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }
# The libraries a program loads by dlopen(), by its ELF note.
loaded() { readelf -W -p .note.dlopen "$1" 2>/dev/null | grep -o 'lib[a-z0-9_.-]*\.so\.[0-9.]*' || :; }

# The package a library belongs to: exactly one has a file of that path.
package_of() {
	local list
	list=$(cd "$sysroot/packages" && grep -lxF "$1" ./*.files | head -n 1)
	list=${list#./}
	echo "${list%.files}"
}

# The package's name and version stand where image scanners look for them when there is no dpkg.
add_package() {
	local doc
	[ ! -e "$root/var/lib/dpkg/status.d/$1" ] || return 0
	install -D -m 0644 "$sysroot/packages/$1.control" "$root/var/lib/dpkg/status.d/$1"
	doc=$(real "usr/share/doc/$1")
	install -D -m 0644 "$sysroot/$doc/copyright" "$root/usr/share/doc/$1/copyright"
}

add_library() {
	local file more
	[ ! -e "$libs/$1" ] || return 0
	file=$(find_library "$1")
	install -D -m 0755 "$sysroot/$file" "$libs/$1"
	add_package "$(package_of "$file")"
	for more in $(needed "$sysroot/$file"); do add_library "$more"; done
}

rm -rf "$root"
install -d "$root/usr/bin" "$libs" "$root/etc/ssl/certs" "$root/etc/connd"
ln -s usr/lib "$root/lib"
for name in "${names[@]}"; do
	install -m 0755 "$programs/$name" "$root/usr/bin/$name"
	for library in $(needed "$root/usr/bin/$name") $(loaded "$root/usr/bin/$name"); do
		add_library "$library"
	done
done
# glibc loads it to end a thread.
add_library libgcc_s.so.1

# The dynamic loader, at the path that the programs name.
loader=$(readelf -lW "$root/usr/bin/connd" | sed -n 's,.*interpreter: /\(.*\)\],\1,p')
if [ "${loader%/*}" != lib ]; then
	install -d "$root/usr/${loader%/*}"
	ln -s "usr/${loader%/*}" "$root/${loader%/*}"
fi
ln -s "../lib/$triplet/${loader##*/}" "$root/usr/${loader%/*}/${loader##*/}"

# The bundle of public authorities that update-ca-certificates would write.
find "$sysroot/usr/share/ca-certificates" -name '*.crt' | LC_ALL=C sort | xargs cat \
	>"$root/etc/ssl/certs/ca-certificates.crt"
add_package ca-certificates

printf '%s\n' "root:x:0:0::/:/sbin/nologin" "connd:x:$id:$id::/:/sbin/nologin" >"$root/etc/passwd"
printf '%s\n' "root:x:0:" "connd:x:$id:" >"$root/etc/group"
echo "hosts: files dns" >"$root/etc/nsswitch.conf"
install -D -m 0644 LICENSE "$root/usr/share/doc/connd/copyright"

# Mount points of volumes: a named volume takes their owner and mode.
install -d -m 1777 "$root/tmp"
install -d -o $id -g $id -m 0755 "$root/run/connd"
install -d -o $id -g $id -m 0700 "$root/var/lib/connd" "$root/var/lib/connd-manager"
