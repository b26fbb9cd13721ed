#!/bin/sh
# Builds the CNI client: build.sh OUTDIR makes OUTDIR/calico and OUTDIR/calico-ipam, static.
# Does nothing when they are up to date. Without a C compiler, both become scripts that run the bundled Node
# program, which does the same work in 90 ms instead of 1 ms. CC overrides the compiler.
set -eu
[ $# -eq 1 ] || { echo "usage: build.sh OUTDIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
source=$here/cni-client.c
mkdir -p "$1"
out=$1/calico

# A script stands in only where there was no compiler: look again each time.
is_binary() { [ -x "$1" ] && [ "$(head -c 2 "$1" | tr -d '\0')" != '#!' ]; }
if is_binary "$out" && is_binary "$1/calico-ipam" &&
  [ -z "$(find "$source" "$here/build.sh" "$here/../package.json" -newer "$out")" ]; then
  exit 0
fi

if command -v "${CC:-musl-gcc}" >/dev/null 2>&1; then
  compiler=${CC:-musl-gcc}
elif command -v gcc >/dev/null 2>&1; then
  compiler=gcc
else
  echo "cni-client: no C compiler (install gcc, or better musl-tools): the CNI plug-in is the slower Node program" >&2
  for name in calico calico-ipam; do
    rm -f "$1/$name"
    cat >"$1/$name" <<'SCRIPT'
#!/bin/sh
self=$(readlink -f "$0")
lib=${self%/*}/../lib
exec "${CALICO_NODE_BINARY:-$lib/node/bin/node}" "${CALICO_CNI_FALLBACK:-$lib/cni-plugin.mjs}" "${self##*/}" "$@"
SCRIPT
    chmod 755 "$1/$name"
  done
  exit 0
fi

version=$(sed -n 's/^ *"version": *"\([^"]*\)".*/\1/p' "$here/../package.json" | head -n 1)
temporary=$1/.calico.$$
trap 'rm -f "$temporary"' EXIT
"$compiler" -std=c11 -O2 -static -s -Wall -Wextra -Werror -D_FORTIFY_SOURCE=2 \
  "-DCLIENT_VERSION=\"$version\"" -o "$temporary" "$source"
mv -f "$temporary" "$out"
ln -f "$out" "$1/calico-ipam"
