#!/bin/sh
# Brings Debian's kernel and those of its modules that the virtual machine uses to dist/vm/<package>, once, and prints
# that directory.
set -eu
cd "$(dirname "$0")/../.."

package=$(apt-cache depends linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
if [ -z "$package" ]; then
  echo "test-vm: apt knows no linux-image-amd64 (try: apt-get update)" >&2
  exit 1
fi
kernel=dist/vm/$package
if [ ! -f "$kernel/vmlinuz" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  echo "test-vm: fetching $package" >&2
  (cd "$work" && apt-get download -q -o APT::Sandbox::User=root "$package" >&2)
  mkdir "$work/files"
  modules=./lib/modules/*
  dpkg-deb --fsys-tarfile "$work"/*.deb |
    tar -x -C "$work/files" --wildcards --no-wildcards-match-slash './boot/vmlinuz-*' "$modules/modules.*" \
      "$modules/kernel/arch" "$modules/kernel/crypto" "$modules/kernel/lib" "$modules/kernel/net" \
      "$modules/kernel/fs/9p" "$modules/kernel/fs/fscache" "$modules/kernel/fs/netfs" "$modules/kernel/fs/overlayfs" \
      "$modules/kernel/drivers/virtio" "$modules/kernel/drivers/char/hw_random" \
      "$modules/kernel/drivers/net/*.ko" "$modules/kernel/drivers/net/vxlan" "$modules/kernel/drivers/net/wireguard"
  version=$(basename "$work"/files/lib/modules/*)
  depmod -b "$work/files" "$version"
  rm -rf "$kernel"
  mkdir -p "$kernel"
  mv "$work/files/lib" "$kernel/lib"
  mv "$work"/files/boot/vmlinuz-* "$kernel/vmlinuz"
fi
echo "$kernel"
