#!/bin/sh
# Makes a fresh Debian or Ubuntu machine ready to build, test and run the demo.
# Does nothing that is done already. Usage: [WITH_DOCKER=1] [WITH_VM=1] [FOR_IMAGE=1] tools/setup.sh
# FOR_IMAGE=1 (deploy/Dockerfile): only what the build needs, whose programs are there already.
set -eu
cd "$(dirname "$0")/.."

fail() {
  echo "setup: $1" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || fail "this is $(uname -s); a Linux machine is needed"
[ "$(id -u)" = 0 ] || fail "root is needed, for network namespaces and packages (try: sudo make $*)"
case $(uname -m) in
  x86_64 | aarch64) ;;
  *) fail "the processor is $(uname -m); x86_64 or aarch64 is needed" ;;
esac

# Programs that the build, the tests and the demo use, each with the Debian package that has it.
missing=
need() {
  PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need npm "nodejs npm"
need gcc "gcc libc6-dev"
need musl-gcc musl-tools
if [ "${FOR_IMAGE:-}" != 1 ]; then
  need ip iproute2
  need nft nftables
  need unshare util-linux
  need ping iputils-ping
  need etcd etcd-server
  need etcdctl etcd-client
  need bird bird2
  need gobgpd gobgpd
  need bgpdump bgpdump
  need vtysh frr
  # calicoctl's completion is tested in each shell.
  need zsh zsh
  need fish fish
  # Peers of our CNI plug-in in its tests; not on PATH.
  [ -x /usr/lib/cni/host-local ] || missing="$missing containernetworking-plugins"
  # Felix drives both; portmap, in a chain with our CNI plug-in, needs iptables too.
  need iptables iptables
  need ipset ipset
fi

# Installs Debian packages. They must not start their daemons: the tests run their own, in their own namespaces.
install_debian() {
  command -v apt-get >/dev/null 2>&1 || { echo "setup: there is no apt-get" >&2; return 1; }
  echo "setup: installing $*"
  policy=/usr/sbin/policy-rc.d
  if [ -e "$policy" ]; then policy=; else
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  log=$(mktemp)
  status=0
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"; } >"$log" 2>&1 ||
    { status=1; tail -n 20 "$log" >&2; }
  rm -f "$log"
  [ -z "$policy" ] || { rm -f "$policy"; trap - EXIT; }
  return $status
}

# shellcheck disable=SC2086
[ -z "$missing" ] || install_debian $missing || fail "could not install$missing"

# Without them the tests of the image and of the Docker plug-in are skipped, and say so.
missing=
if [ "${WITH_DOCKER:-}" = 1 ]; then
  need dockerd docker.io
  need docker docker.io
  need busybox busybox-static
  docker compose version >/dev/null 2>&1 || need docker-compose docker-compose
fi
# The same for the virtual machine of make test-vm.
if [ "${WITH_VM:-}" = 1 ]; then
  need qemu-system-x86_64 qemu-system-x86
  need depmod kmod
  need ipvsadm ipvsadm
  need busybox busybox-static
fi
# shellcheck disable=SC2086
[ -z "$missing" ] || install_debian $missing || echo "setup: going on without$missing"

[ "${FOR_IMAGE:-}" = 1 ] || unshare --net true 2>/dev/null || fail "network namespaces are not available (CONFIG_NET_NS and CAP_SYS_ADMIN are needed)"

case $(uname -m) in x86_64) arch=x64 ;; *) arch=arm64 ;; esac

# The pinned Node.js runs npm too: npm leaves out optional packages that its own Node.js is too old for.
install_packages() {
  boot=$(mktemp -d)
  version=$(sed -n "s/.*\"node-linux-$arch\": \"\([^\"]*\)\".*/\1/p" package.json)
  quiet="--ignore-scripts --no-audit --no-fund --no-progress --loglevel=error"
  # shellcheck disable=SC2086
  (cd "$boot" && npm install $quiet --no-save "node-linux-$arch@$version" npm@11.19.1 >/dev/null) || return 1
  PATH="$boot/node_modules/node-linux-$arch/bin:$PATH" \
    "$boot/node_modules/node-linux-$arch/bin/node" "$boot/node_modules/npm/bin/npm-cli.js" ci --no-progress --loglevel=error
  status=$?
  rm -rf "$boot"
  return $status
}

stamp=node_modules/.calico-node-setup
lock=$(cksum package.json package-lock.json apps/*/package.json libs/*/package.json | cksum)
if [ "$(cat "$stamp" 2>/dev/null)" != "$lock" ]; then
  echo "setup: npm ci"
  install_packages || fail "npm could not install the packages"
  node=node_modules/node-linux-$arch/bin/node
  [ -x "$node" ] || fail "npm did not install the Node.js binary ($node)"
  # npm does not always link a program that is called node.
  ln -sfn "../node-linux-$arch/bin/node" node_modules/.bin/node
  echo "$lock" >"$stamp"
fi

protos=$(find proto buf.gen.yaml -type f -exec cksum {} + | sort | cksum)
generated=libs/rpc/src/gen/.protos
if [ "$(cat "$generated" 2>/dev/null)" != "$protos" ]; then
  echo "setup: generating gRPC stubs"
  PATH="$PWD/node_modules/.bin:$PATH" buf generate
  echo "$protos" >"$generated"
fi
