#!/bin/sh
# Tries the image of a processor in a virtual machine of that processor: Debian's kernel, an etcd, two nodes, a workload
# on each. QEMU emulates the whole, some twenty times slower, so that any machine can. Needs qemu-system-arm or
# qemu-system-x86, and cpio; touches nothing of this machine.
# Usage: tools/image/build.sh --arch ARCH && tools/image/vm/try.sh amd64|arm64
set -eu
here=$(cd "$(dirname "$0")" && pwd)
image=$here/../../../dist/image
case ${1:-} in
  amd64) machine="qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max" console=ttyS0 ;;
  # The oldest sort: without atomic instructions.
  arm64) machine="qemu-system-aarch64 -M virt -accel tcg,thread=multi -cpu cortex-a72" console=ttyAMA0 ;;
  *) sed -n 's/^# //p' "$0" >&2; exit 2 ;;
esac
arch=$1
[ -s "$image/calico-node-$arch.tar" ] || { echo "try: tools/image/build.sh --arch $arch makes the image" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Debian's kernel and etcd.
mkdir -p "$work/debs"
APT_CONFIG=$("$here/../foreign-apt.sh" "$work/apt" "$arch")
export APT_CONFIG
kernel=$(apt-cache depends "linux-image-cloud-$arch" | sed -n 's/ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
(cd "$work/debs" && apt-get download -qq "$kernel" etcd-server)

root=$work/root
mkdir -p "$root"
for deb in "$work"/debs/*.deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work"; done
tar -xf "$image/calico-node-$arch.tar" -C "$root"
release=${kernel#linux-image-}
mkdir -p "$root/lib/modules/$release"
cp "$work/lib/modules/$release"/modules.* "$root/lib/modules/$release/"
for part in net drivers/net crypto arch lib; do
  mkdir -p "$root/lib/modules/$release/kernel/$part"
  [ ! -d "$work/lib/modules/$release/kernel/$part" ] ||
    cp -r "$work/lib/modules/$release/kernel/$part/." "$root/lib/modules/$release/kernel/$part"
done
depmod -b "$root" "$release"
cp "$work/usr/bin/etcd" "$root/usr/bin/etcd"
cp "$here/init.sh" "$root/init"
for applet in modprobe mount poweroff sync; do ln -sf ../bin/busybox "$root/usr/sbin/$applet"; done
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd.gz"

# shellcheck disable=SC2086
timeout 1500 $machine -smp 2 -m 2048 -kernel "$work/boot/vmlinuz-$release" -initrd "$work/initrd.gz" -nographic \
  -nic none -no-reboot -append "console=$console quiet panic=-1" </dev/null | sed -u 's/\r$//' | tee "$work/console"
grep -q '^passed' "$work/console"
