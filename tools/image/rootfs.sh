#!/bin/sh
# Makes the image's root file system from `make build` and Debian's packages: the same in deploy/Dockerfile and on a
# developer's machine (tools/image/build.sh). Debian's packages come through apt, from the sources that the machine has.
# For another processor than this machine's nothing is emulated: what depends on it is cross-compiled or fetched.
# Usage: tools/image/rootfs.sh ROOT PACKAGE_CACHE [amd64|arm64]
set -eu
[ $# = 2 ] || [ $# = 3 ] || { sed -n 's/^# //p' "$0" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
repository=$here/../..
root=$1
cache=$2

fail() {
  echo "rootfs: $1" >&2
  exit 1
}

[ -x "$repository/dist/bin/calico-node" ] || fail "there is no dist/; 'make build' makes it"
own=$(dpkg --print-architecture)
arch=${3:-$own}
case $arch in
  amd64) gnu=x86_64-linux-gnu ;;
  arm64) gnu=aarch64-linux-gnu ;;
  *) fail "the processor is $arch; amd64 or arm64 is needed" ;;
esac
node=$repository/dist/lib/node/bin/node
umask 022
rm -rf "$root"
mkdir -p "$root" "$cache"

parts=$repository/dist
strip=strip
if [ "$arch" != "$own" ]; then
  parts=$cache/parts-$arch
  strip=$gnu-strip
  "$node" "$here/native-parts.ts" "$arch" "$parts"
  APT_CONFIG=$("$here/foreign-apt.sh" "$cache/apt-$arch" "$arch") || fail "apt cannot list the packages for $arch"
  export APT_CONFIG
fi

# Debian's packages, in the versions that apt would install now; a download that is there already is not repeated.
packages=$(grep -v '^#' "$here/debian-packages")
debs=
wanted=
# shellcheck disable=SC2086
apt-cache show --no-all-versions $packages >"$root/.show" || fail "apt does not know all packages; 'apt-get update'?"
for file in $(sed -n 's/^Filename: .*\/\([^/]*\)$/\1/p' "$root/.show" | sort); do
  # apt keeps the epoch in the name that it gives a file; archives leave it out.
  package=${file%%_*}
  version=$(sed -n "/^Package: $package\$/,/^\$/s/^Version: //p" "$root/.show" | head -n 1)
  suffix=${file##*_}
  name=${package}_$(printf %s "$version" | sed 's/:/%3a/')_$suffix
  debs="$debs $name"
  [ -s "$cache/$name" ] || wanted="$wanted $package=$version"
done
rm "$root/.show"
if [ -n "$wanted" ]; then
  echo "rootfs: fetching$wanted for $arch"
  # shellcheck disable=SC2086
  (cd "$cache" && apt-get download -qq -o APT::Sandbox::User=root $wanted) || fail "apt cannot fetch$wanted"
fi

# The directories of a merged /usr, as Debian's own installations have them.
mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
mkdir -p "$root/var/lib/dpkg/status.d"
for name in $debs; do
  deb=$cache/$name
  dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root" \
    --exclude='./usr/share/man' --exclude='./usr/share/locale' --exclude='./usr/share/lintian' \
    --exclude='./usr/share/bug' --exclude='./usr/share/info' --exclude='./usr/share/bash-completion' \
    --exclude='./usr/lib/*/gconv' --exclude='./usr/lib/*/tc' --exclude='./usr/share/iproute2'
  # What scanners of images look for.
  dpkg-deb -f "$deb" >"$root/var/lib/dpkg/status.d/${name%%_*}"
done

# Programs that nothing here calls.
for name in arpd dcb devlink genl nfnl_osf rtacct rtmon tc tipc vdpa; do rm -f "$root/usr/sbin/$name"; done
rm -f "$root/usr/bin/ss" "$root/usr/bin/routel"
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" -depth -type d -empty -delete
for applet in sh ash awk cat cp date df du env find free grep head hostname id kill less ls mkdir mv netstat nslookup \
  ping ping6 ps pstree pwd readlink rm sed sleep sort stat tail tar top touch traceroute uname vi wc wget xargs; do
  ln -s busybox "$root/usr/bin/$applet"
done
# What Debian's alternatives would choose.
for family in iptables ip6tables; do
  for program in "$family" "$family-restore" "$family-save"; do
    ln -s xtables-nft-multi "$root/usr/sbin/$program"
  done
done

mkdir -p "$root/etc/calico/confd/config" "$root/run" "$root/tmp" "$root/proc" "$root/sys" "$root/dev" "$root/host/proc/sys/net" \
  "$root/host/opt/cni/bin" "$root/host/etc/cni/net.d" "$root/var/lib/calico" "$root/var/log/calico" "$root/root"
# Docker's mounts need their mount points: the root file system is read-only.
[ -e "$root/var/run" ] || ln -s /run "$root/var/run"
mkdir -p "$root/run/calico" "$root/run/netns"
chmod 1777 "$root/tmp"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n' >"$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
printf 'passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n' >"$root/etc/nsswitch.conf"
: >"$root/etc/ld.so.conf"

"$node" "$here/place-product.ts" "$root/opt/calico-node" "$arch" "$parts"
"$strip" "$root/opt/calico-node/lib/node/bin/node"
for launcher in "$root"/opt/calico-node/bin/*; do
  ln -s "/opt/calico-node/bin/${launcher##*/}" "$root/usr/bin/${launcher##*/}"
done
mkdir -p "$root/usr/share/sbom"
"$node" "$here/sbom.ts" "$root" "$arch" >"$root/usr/share/sbom/calico-node.cdx.json"

# Every program finds its libraries in the image.
libraries=$(find "$root/usr/lib" "$root/usr/lib64" -name '*.so*' -printf '%f\n' | sort -u)
needed=$(find "$root/usr" "$root/opt" -type f -perm /111 -size +4k -exec readelf -d {} + 2>/dev/null |
  sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u)
for library in $needed; do
  echo "$libraries" | grep -qxF "$library" || fail "no package in $here/debian-packages has $library"
done
