#!/bin/sh
# Process 1 of the machine that try.sh starts: two nodes of the image in network namespaces, an etcd, a workload on each.
# Says "ok: …" for each thing that holds, and "passed" when all do.
export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/lib/calico
mkdir -p /run/netns
echo 127.0.0.1 localhost >/etc/hosts
for module in veth bridge nf_tables; do modprobe $module; done

# The shell would take its own for some of them.
ip() { /usr/bin/ip "$@"; }

end() {
  echo "$1"
  # The console is read to its end.
  sync
  sleep 1
  poweroff -f
}
fail() {
  for log in /run/*.log; do tail -n 5 "$log" | cut -c 1-1000; done
  end "failed: $1"
}
until_holds() {
  what=$1
  shift
  left=400
  until "$@" >/run/last 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || { cat /run/last; fail "$what"; }
    sleep 1
  done
  echo "ok: $what ($(cut -d. -f1 /proc/uptime) s)"
}
in_node() { node=$1; shift; ip netns exec "$node" env CALICO_RUN_DIR="/run/$node" CALICO_LIB_DIR="/var/lib/calico/$node" "$@"; }
calicoctl_on_store() { DATASTORE_TYPE=etcdv3 ETCD_ENDPOINTS=http://10.0.0.254:2379 calicoctl "$@"; }

echo "ok: Linux $(uname -rm), $(/opt/calico-node/lib/node/bin/node -p 'process.version + " " + process.arch'), calico-node $(calico-node --version)"
ip link set lo up
ip link add fabric type bridge
ip address add 10.0.0.254/24 dev fabric
ip link set fabric up
# Debian has an etcd that asks for this on arm64.
ETCD_UNSUPPORTED_ARCH=$(uname -m | sed s/aarch64/arm64/) etcd --data-dir /run/etcd --unsafe-no-fsync --listen-client-urls http://10.0.0.254:2379 \
  --advertise-client-urls http://10.0.0.254:2379 >/run/etcd.log 2>&1 &
for number in 1 2; do
  node=n$number
  ip netns add $node
  ip link add $node master fabric type veth peer name eth0 netns $node
  ip link set $node up
  ip -n $node link set lo up
  ip -n $node address add 10.0.0.$number/24 dev eth0
  ip -n $node link set eth0 up
  mkdir -p /run/$node /var/lib/calico/$node
  in_node $node env NODENAME=$node IP=10.0.0.$number/24 ETCD_ENDPOINTS=http://10.0.0.254:2379 WAIT_FOR_DATASTORE=true \
    CALICO_IPV4POOL_CIDR=10.244.0.0/16 CALICO_IPV6POOL_CIDR=none CALICO_MANAGE_CNI=false FELIX_HEALTHENABLED=true \
    CALICO_DISABLE_FILE_LOGGING=true calico-node >/run/$node.log 2>&1 &
done
for node in n1 n2; do
  until_holds "$node is ready" ip netns exec $node wget -q -O - http://127.0.0.1:9190/readiness
done
for number in 1 2; do
  ip netns add w$number
  echo '{"name":"vm","cniVersion":"1.0.0","type":"calico","datastore_type":"etcdv3","etcd_endpoints":"http://10.0.0.254:2379","nodename":"n'$number'","ipam":{"type":"calico-ipam"}}' |
    in_node n$number env CNI_COMMAND=ADD CNI_CONTAINERID=w$number CNI_NETNS=/run/netns/w$number CNI_IFNAME=eth0 \
      CNI_PATH=/usr/bin CNI_ARGS=IgnoreUnknown=1 calico >/run/w$number.json || { cat /run/w$number.json; fail "CNI ADD of w$number"; }
  echo "ok: the CNI client attached w$number"
done
address=$(ip -n w2 -4 -o address show dev eth0 | sed 's/.*inet \([0-9.]*\).*/\1/')
until_holds "BGP brought n1 the route to w2's block" sh -c '/usr/bin/ip -n n1 route show proto bird | grep -q "via 10.0.0.2 "'
until_holds "w1 reaches w2 ($address)" ip netns exec w1 ping -c 1 -W 1 "$address"
echo '{kind: GlobalNetworkPolicy, apiVersion: projectcalico.org/v3, metadata: {name: closed}, spec: {selector: all(), types: [Ingress]}}' \
  >/run/closed.yaml
until_holds "a policy is applied" calicoctl_on_store apply -f /run/closed.yaml
until_holds "a policy holds w1 off" sh -c "! /usr/bin/ip netns exec w1 ping -c 1 -W 1 $address"
until_holds "the policy is deleted" calicoctl_on_store delete gnp closed --skip-not-exists
until_holds "and lets it through when it is gone" ip netns exec w1 ping -c 1 -W 1 "$address"
in_node n1 calicoctl node status
end passed
