#!/bin/sh
# boot.sh FILES: boots this machine's systemd as PID 1 of namespaces of its own (processes, mounts, network, cgroups), on a
# root of its own: /usr is this machine's and read-only, /etc is FILES/etc, /usr/local is FILES/local. It leaves nothing.
# FILES/pid gets its process id; systemd reports to the socket FILES/notify.
# Run as root in a mount namespace of its own: unshare --mount boot.sh FILES
set -eu

outside() {
  cgroups=$files/cgroups
  mkdir "$files/new" "$cgroups"
  mount -t cgroup2 cgroup2 "$cgroups"
  own=$cgroups/scored-boot-$$
  mkdir "$own"
  (
    read -r self _ </proc/self/stat
    echo "$self" >"$own/cgroup.procs"
    exec setpriv --pdeathsig KILL unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child sh "$0" "$files" inside
  ) || true
  find "$own" -depth -type d -exec rmdir {} +
}

inside() {
  read -r self _ </proc/self/stat # /proc is still the outer one
  mount -t tmpfs -o mode=755 tmpfs "$files/new"
  cd "$files/new"
  mkdir dev etc old proc run sys tmp usr var
  for link in bin lib lib32 lib64 sbin; do [ ! -e "/$link" ] || ln -s "usr/$link" "$link"; done
  mount --bind /usr usr
  mount -o remount,bind,ro usr
  mount -t tmpfs -o mode=755 tmpfs usr/local
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=755 tmpfs dev
  for device in full null random tty urandom zero; do
    touch "dev/$device"
    mount --bind "/dev/$device" "dev/$device"
  done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  mount -t proc proc proc
  mount --bind proc/sys proc/sys # this kernel is not systemd's to tune
  mount -o remount,bind,ro proc/sys
  mount -t sysfs -o ro sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  cp /etc/ld.so.cache etc/
  cp -R "$files/etc/." etc
  cp -R "$files/local/." usr/local
  mkdir run/host
  touch run/host/notify
  mount --bind "$files/notify" run/host/notify
  echo "$self" >"$files/pid"
  pivot_root . old
  umount -l old
  mount --make-rshared / # or the folders of credentials stay empty
  exec env -i container=scored-boot NOTIFY_SOCKET=/run/host/notify \
    setpriv --bounding-set=-sys_module,-sys_rawio,-sys_time,-syslog \
    /lib/systemd/systemd --unit=basic.target --log-target=journal
}

files=$1
"${2:-outside}"
