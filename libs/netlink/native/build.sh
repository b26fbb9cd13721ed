#!/bin/sh
# Builds the native addon for this machine's architecture, or for the one named: build.sh [x64|arm64].
# Does nothing when it is up to date, and only says so when there is no compiler: libs/netlink then uses koffi.
# CC overrides the compiler.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
case $(uname -m) in
  x86_64) host=x64 ;;
  aarch64) host=arm64 ;;
  *) host=$(uname -m) ;;
esac
arch=${1:-$host}
case $arch in
  x64) cross=x86_64-linux-gnu-gcc ;;
  arm64) cross=aarch64-linux-gnu-gcc ;;
  *) echo "netsock: no build for $arch; the koffi fallback is used there" >&2; exit 1 ;;
esac
output=$here/build/netsock-linux-$arch.node

if [ -f "$output" ] && [ ! "$here/netsock.c" -nt "$output" ] && [ ! "$here/build.sh" -nt "$output" ]; then
  exit 0
fi

if [ "$arch" = "$host" ]; then compiler=${CC:-gcc}; else compiler=${CC:-$cross}; fi
if ! command -v "$compiler" >/dev/null; then
  echo "netsock: no C compiler ($compiler); install one, or do without: koffi is used instead" >&2
  exit 0
fi

# The headers are the same for every architecture: take the ones that are installed.
for name in "$arch" x64 arm64; do
  include=$here/../../../node_modules/node-linux-$name/include/node
  if [ -f "$include/node_api.h" ]; then break; fi
done
if [ ! -f "$include/node_api.h" ]; then
  echo "netsock: no Node.js headers under node_modules/node-linux-$arch; run npm ci" >&2
  exit 1
fi

umask 022
mkdir -p "$here/build"
temporary=$output.$$.tmp
trap 'rm -f "$temporary"' EXIT
# No start files and no needed libraries: one file for glibc and musl.
"$compiler" -std=c11 -O2 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared -nostdlib -s \
  -Wl,-z,relro,-z,now,-z,noexecstack -I"$include" "$here/netsock.c" -o "$temporary"
mv "$temporary" "$output"
