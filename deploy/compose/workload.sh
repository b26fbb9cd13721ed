#!/bin/sh
# Attaches a network namespace of this host to a node of compose.yaml through the CNI plug-in, or takes it away.
# Usage, as root: workload.sh add|delete NODE NAME
# Then: ip netns exec NAME ping ADDRESS
set -eu
[ $# = 3 ] || { sed -n 's/^# //p' "$0" >&2; exit 2; }
if docker compose version >/dev/null 2>&1; then compose='docker compose'; else compose=docker-compose; fi
compose="$compose -f $(dirname "$0")/compose.yaml"
node=$2
name=$3
case $1 in
  add) action=ADD; ip netns add "$name" ;;
  delete) action=DEL ;;
  *) echo "workload.sh: '$1' is neither add nor delete" >&2; exit 2 ;;
esac
echo '{"name":"compose","cniVersion":"1.0.0","type":"calico","datastore_type":"etcdv3","etcd_endpoints":"http://172.30.0.2:2379","ipam":{"type":"calico-ipam"}}' |
  $compose exec -T -e CNI_COMMAND=$action -e CNI_CONTAINERID="$name" -e CNI_NETNS="/run/netns/$name" -e CNI_IFNAME=eth0 \
    -e CNI_PATH=/usr/bin -e CNI_ARGS=IgnoreUnknown=1 "$node" /usr/bin/calico
[ $action = ADD ] || ip netns delete "$name"
