#!/bin/bash
# usage: boxinit.sh DIR     (in fresh mount, pid, ipc, uts, cgroup and net namespaces; see box.py)
# Builds a root file system in DIR/mnt - this machine's own, seen through an overlay in memory - and
# becomes systemd in it. Nothing it does reaches the machine outside.
set -eu
dir=$1
root=$dir/mnt/root

mount --make-rprivate /
mount -t tmpfs -o size=512m,mode=0755 box "$dir/mnt"
mkdir "$dir"/mnt/{upper,work,root}
mount -t overlay -o "lowerdir=/,upperdir=$dir/mnt/upper,workdir=$dir/mnt/work" box "$root"

# The kernel's knobs belong to the whole machine: they can be read only.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"

for d in dev:0755 run:0755 tmp:1777; do
	mount -t tmpfs -o "mode=${d#*:}" tmpfs "$root/${d%:*}"
done
for node in null zero full random urandom tty; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for n in 0:stdin 1:stdout 2:stderr; do
	ln -s "fd/${n%:*}" "$root/dev/${n#*:}"
done

# Only the journal, D-Bus and what a test starts run: nothing this machine has enabled, and none of
# what would handle devices, clocks, modules, users at a console or the network.
units=$root/etc/systemd/system
rm -rf "$units"/*.wants "$units"/*.requires
for unit in dev-hugepages.mount dev-mqueue.mount getty.target sys-fs-fuse-connections.mount \
	sys-kernel-debug.mount sys-kernel-tracing.mount systemd-udevd-control.socket \
	systemd-udevd-kernel.socket systemd-{firstboot,logind,machine-id-commit,modules-load}.service \
	systemd-{network-generator,networkd,pcrphase,pcrphase-sysinit,remount-fs,resolved}.service \
	systemd-{sysctl,timesyncd,udevd,update-utmp}.service; do
	ln -sf /dev/null "$units/$unit"
done
cat >"$units/box.target" <<-'UNIT'
	[Unit]
	Requires=sysinit.target dbus.socket systemd-journald.service
	After=sysinit.target dbus.socket systemd-journald.service
	AllowIsolate=yes
UNIT

# An empty machine id would start the first-boot questions. A lossy journal would hide lines.
rm -f "$root/etc/machine-id"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n' >"$root/etc/systemd/journald.conf.d/box.conf"

[ ! -d "$dir/files" ] || cp -a "$dir/files/." "$root/"

cd "$root"
mkdir -p .outside
pivot_root . .outside
# Shared mounts inside, or LoadCredential= would show services an empty directory.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=box \
	chroot . /bin/sh -c 'umount -l /.outside && rmdir /.outside && mount --make-rshared / &&
		exec /lib/systemd/systemd --system --unit=box.target --log-target=journal --show-status=no'
