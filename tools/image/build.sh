#!/bin/sh
# Makes the calico-node image without pulling anything: dist/image/calico-node-ARCH.tar is the root file system that
# deploy/Dockerfile makes too, and where a Docker engine answers, it is imported with the settings of that file.
# Does nothing when it is up to date. Prints the sizes.
# Usage: tools/image/build.sh [--arch amd64|arm64] [TAG]
#   default: this machine's processor, calico-node:latest (of another processor calico-node:latest-ARCH)
#   SOURCE_DATE_EPOCH dates the files
set -eu
cd "$(dirname "$0")/../.."
usage() {
  sed -n 's/^# //p' "tools/image/build.sh" >&2
  exit 2
}
own=$(dpkg --print-architecture)
arch=$own
tag=
while [ $# -gt 0 ]; do
  case $1 in
    --arch) [ $# -gt 1 ] || usage; arch=$2; shift ;;
    -*) usage ;;
    *) [ -z "$tag" ] || usage; tag=$1 ;;
  esac
  shift
done
case $arch in amd64 | arm64) ;; *) usage ;; esac
if [ "$arch" = "$own" ]; then suffix=; else suffix=-$arch; fi
tag=${tag:-calico-node:latest$suffix}
out=dist/image
archive=$out/calico-node-$arch.tar
mkdir -p "$out"
# One at a time: tests that run side by side ask for the same image.
exec 9>"$out/.lock"
flock 9

stamp=$archive.inputs
inputs=$(find dist/bin dist/lib dist/proto tools/image package-lock.json apps/cni-plugin/native libs/netlink/native/netsock.c \
  -type f ! -path 'dist/lib/*.snapshot' -exec cksum {} + | sort | cksum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$inputs" ] || [ ! -s "$archive" ]; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  tools/image/rootfs.sh "$root/rootfs" "$PWD/$out/debs" "$arch"
  tools/image/archive.sh "$root/rootfs" "$archive.new"
  mv "$archive.new" "$archive"
  gzip -6 -n -c "$archive" | wc -c >"$archive.gzip-bytes"
  cp "$root/rootfs/usr/share/sbom/calico-node.cdx.json" "$out/calico-node-$arch.cdx.json"
  echo "$inputs" >"$stamp"
fi
awk -v name="$archive" -v gzip="$(cat "$archive.gzip-bytes")" -v raw="$(wc -c <"$archive")" -v sum="$(sha256sum <"$archive")" \
  'BEGIN { printf "%s: %.1f MB, %.1f MB compressed (gzip), sha256:%s\n", name, raw / 1e6, gzip / 1e6, substr(sum, 1, 64) }'

if [ "${IMAGE_IMPORT:-auto}" = never ] || ! docker version >/dev/null 2>&1; then
  echo "no Docker engine answers: not imported" >&2
  exit 0
fi
tools/image/import.sh "$archive" "$tag" calico-node "$arch"
