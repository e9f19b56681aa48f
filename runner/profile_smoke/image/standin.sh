#!/bin/sh
# Builds the layer of a stand-in: an overlay over the base, packages on top, one tar of the merged tree.
# Runs in mount and pid namespaces of its own, so nothing is unmounted here that would not vanish anyway.
#   standin.sh BASE WORK PACKAGE...
# WORK holds `files/` (laid over the tree), `setup` (run inside) and `report` (packages whose versions are wanted);
# it gets `layer.tar` and `versions`.
set -eu
base=$1 work=$2
shift 2
root=$work/root
mkdir "$work/upper" "$work/scratch" "$root"
# An overlay cannot lie on another one (we may be in a container ourselves): then the base is copied.
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/scratch" "$root" ||
  cp -a --reflink=auto "$base/." "$root/"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
  DEBIAN_FRONTEND=noninteractive SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" \
  ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
  ${no_proxy:+no_proxy="$no_proxy"} "$@"; }
install_packages() { inside apt-get -q -y --no-install-recommends install "$@"; }

# The machine's own resolver: the base may be older than the network that we are on.
cat /etc/resolv.conf >"$root/etc/resolv.conf"
# No service is to be started by a package's installation.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
# The mirror may have replaced a package since the base was made.
install_packages "$@" || { inside apt-get -q update && install_packages "$@"; }
rm "$root/usr/sbin/policy-rc.d"

cp -R "$work/files/." "$root/"
inside /bin/sh -eu <"$work/setup"
while read -r package; do
  inside dpkg-query -W -f '${Package} ${Version}\n' "$package"
done <"$work/report" >"$work/versions"

# Whatever says when, where or how often this was built, not what was built.
inside /bin/sh -eu <<'END'
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/* /var/cache/ldconfig/aux-cache
rm -rf /var/log/apt /var/log/*.log /var/lib/systemd /tmp/* /run/lock /root/.[a-z]*
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- /etc/.pwd.lock
rm -f /var/lib/dpkg/*-old /var/lib/dpkg/lock* /var/lib/dbus/machine-id /etc/apt/apt.conf.d/99mmdebstrap
: >/etc/resolv.conf
: >/etc/machine-id
echo localhost >/etc/hostname
printf '127.0.0.1 localhost\n::1 localhost\n' >/etc/hosts
END
tar -C "$root" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --numeric-owner --one-file-system \
  --xattrs --xattrs-include='*' --format=posix --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime \
  --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -cf "$work/layer.tar" .
