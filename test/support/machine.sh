#!/bin/bash
# A Debian machine of its own, without its costs: this one's files under an overlay that forgets, and in namespaces
# of its own systemd as process 1. It lasts as long as the process that `unshare` runs in.
#
#   machine.sh FOLDER HIDDEN FILE...
#
# FOLDER is for the overlay, the folder HIDDEN is empty there, and each FILE is in /root.
set -eu

folder=$1
hidden=$2
shift 2
if [ "${TEST_MACHINE:-}" != inside ]; then
    # systemd wants to be the root of its control group.
    hierarchy=/sys/fs/cgroup/unified
    [ -d $hierarchy ] || hierarchy=/sys/fs/cgroup
    # What a run that was killed has left.
    find "$hierarchy" -path "$hierarchy/test-machine-*" -depth -type d -exec rmdir {} + 2>/dev/null || true
    mkdir "$hierarchy/test-machine-$$"
    echo $$ > "$hierarchy/test-machine-$$/cgroup.procs"
    export TEST_MACHINE=inside
    exec unshare --mount --pid --net --ipc --uts --cgroup --fork --kill-child=KILL "$0" "$folder" "$hidden" "$@"
fi

mount -t tmpfs -o mode=755 tmpfs "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" overlay "$folder/root"
cp -- "$@" "$folder/root/root/"
cd "$folder/root"

mount -t tmpfs tmpfs ".$hidden"

mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    : > dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd

# Nothing runs there but systemd itself, and what is installed there may be started.
rm -rf etc/systemd/system/*.wants etc/systemd/system/*.requires usr/sbin/policy-rc.d etc/cron.*/*
ln -sfn /lib/systemd/system/multi-user.target etc/systemd/system/default.target
for unit in systemd-udevd systemd-logind systemd-timesyncd systemd-networkd systemd-resolved; do
    ln -sfn /dev/null etc/systemd/system/$unit.service
done
rm -f var/lib/man-db/auto-update # as slow as everything else together
rm -f etc/machine-id
tr -d - < /proc/sys/kernel/random/uuid > etc/machine-id
echo turn.example.org > etc/hostname
hostname turn.example.org
printf '127.0.0.1 localhost\n203.0.113.7 turn.example.org turn\n' > etc/hosts
ip link set lo up
ip address add 203.0.113.7/32 dev lo
rm -rf etc/taciturn var/lib/taciturn

mkdir outside
pivot_root . outside
# The machine knows nothing of where its packages come from.
umount -l outside
rmdir outside
exec env -i container=test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal --show-status=0
