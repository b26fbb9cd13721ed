#!/bin/sh
# Makes the archive that the kernel starts from: a shell, the modules that reach this machine's files, and init.
# Usage: initramfs.sh KERNEL-DIRECTORY OUTPUT
set -eu
kernel=$1
output=$2
tools=$(dirname "$0")
version=$(basename "$kernel"/lib/modules/*)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/bin" "$root/dev" "$root/lower" "$root/modules" "$root/new" "$root/proc" "$root/rw" "$root/sys"
cp "$(command -v busybox)" "$root/bin/busybox"
cp "$tools/init" "$tools/guest.sh" "$root/"
modprobe -d "$kernel" -S "$version" --show-depends -a virtio_pci virtio_rng 9pnet_virtio 9p overlay |
  sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r module; do
  cp "$module" "$root/modules/"
  basename "$module" >>"$root/modules/order"
done
(cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null) | gzip -1 >"$output"
