/** Each thing that Felix programs, altered by another hand beneath the running process, which puts it right. */
import { get, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { openTcpSocket } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storedBlock } from '../src/calc/testing/resources.ts';
import type { FelixProcess } from './support/felix-process.ts';
import { runIn } from './support/node-lab.ts';
import { StoreLab } from './support/store-lab.ts';

const stack = new AsyncDisposableStack();
let lab: StoreLab;
let felix: FelixProcess;

const sh = (script: string): string => runIn(lab.node.netns, 'sh', '-c', `{ ${script}\n} 2>&1`);

const settings = [
  'net.ipv4.ip_forward net.ipv6.conf.all.forwarding',
  'net.ipv4.conf.calia.proxy_arp net.ipv4.conf.calia.forwarding net.ipv4.conf.calia.rp_filter',
  'net.ipv6.conf.calia.proxy_ndp net.ipv6.conf.calia.forwarding',
];

const everything = `
  ip -4 route show table all | grep -v 'table local'
  ip -6 route show table all | grep -v -e 'table local' -e 'proto kernel' -e multicast
  ip neighbour show nud permanent
  for device in vxlan.calico vxlan-v6.calico; do
    bridge fdb show dev $device
    ip -d -o link show $device
    ip -o address show dev $device scope global
  done
  ip -o address show dev calia | grep -v fe80
  for device in calia $(ip -br link show type ifb | cut -d' ' -f1); do
    tc qdisc show dev $device; tc filter show dev $device ingress
  done
  ip -o link show eth0
  sysctl ${settings.join(' ')}
  nft -s list ruleset; true`;

/** What is another one each time that something is made. */
const passing = [
  /^\d+: /gm,
  /state \S+|qdisc noqueue \d+: |valid_lft forever preferred_lft forever|xdp\/id:\d+|prog\/xdp id \d+ \S+ \S+/g,
  /refcnt \d+|pref \d+|fh \S+|key ht \d+|order \d+|index \d+ ref \d+ bind \d+/g,
];

/** All that is ours, and what is near it. */
function listing(): readonly string[] {
  const text = passing.reduce((left, pattern) => left.replaceAll(pattern, ''), sh(everything));
  return text
    .split('\n')
    .map((line) => line.trim())
    .sort();
}

/** A counter of Felix's, from within its namespace. */
async function counter(name: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const fd = openTcpSocket({ family: 4, netns: lab.node.netns });
  // No type of Node.js's names manualStart: not to read before it is connected.
  const options = { fd, readable: true, writable: true, manualStart: true };
  const createConnection = () => new Socket(options).connect(9099, '127.0.0.1');
  get({ path: '/metrics', createConnection }, resolve).on('error', reject);
  const text = (await (await promise).setEncoding('utf8').toArray()).join('');
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

beforeAll(async () => {
  lab = stack.use(await StoreLab.start());
  const a = lab.node.addWorkload('a', '10.65.1.10', { byFelix: true });
  sh(`ip address add fd16::1/64 dev eth0 nodad
    ip link add other type veth peer name other-peer; ip link set other up; ip link set other-peer up`);
  await lab.apply('IPPool', { name: 'v4' }, { cidr: '10.65.0.0/16', vxlanMode: 'Always' });
  await lab.apply('IPPool', { name: 'v6' }, { cidr: 'fd65::/48', vxlanMode: 'Always' });
  for (const number of [1, 2]) {
    const bgp = { ipv4Address: `172.16.0.${number}/24`, ipv6Address: `fd16::${number}/64` };
    const tunnels = { ipv4VXLANTunnelAddr: `10.65.${number}.1`, ipv6VXLANTunnelAddr: `fd65::${number}:1` };
    await lab.apply('Node', { name: `node${number}` }, { bgp, ...tunnels });
    for (const cidr of [`10.65.${number}.0/26`, `fd65::${number}:0/122`]) {
      const { key, value } = storedBlock({ cidr, affinity: `node${number}` });
      await lab.backend.put(key, value!);
    }
  }
  // Denied ahead of the packet filter, by XDP.
  await lab.apply('HostEndpoint', { name: 'h', labels: { role: 'edge' } }, { node: 'node1', interfaceName: 'eth0' });
  await lab.apply('GlobalNetworkSet', { name: 'bad', labels: { is: 'bad' } }, { nets: ['198.51.100.0/24'] });
  const flags = { types: ['Ingress'], doNotTrack: true, applyOnForward: true };
  const deny = [{ action: 'Deny', source: { selector: "is == 'bad'" } }];
  await lab.apply('GlobalNetworkPolicy', { name: 'p' }, { selector: "role == 'edge'", ...flags, ingress: deny });
  const allow = [{ action: 'Allow', protocol: 'TCP', source: { selector: "is == 'bad'" } }];
  await lab.apply('GlobalNetworkPolicy', { name: 'q' }, { selector: "app == 'a'", ingress: allow });
  // Addresses of the node on the workload's interface.
  const peering = { localWorkloadPeeringIPV4: '169.254.0.179', localWorkloadPeeringIPV6: 'fd12::179' };
  await lab.apply('BGPConfiguration', { name: 'default' }, peering);
  await lab.apply('BGPPeer', { name: 'w' }, { localWorkloadSelector: "app == 'a'", asNumber: 65001 });
  felix = stack.use(lab.startFelix());
  const revision = await lab.applyEndpoint(a, 'a', {
    mac: 'ee:00:00:00:00:01',
    ipNetworks: ['10.65.1.10/32', 'fd65::1:a/128'],
    qosControls: { ingressBandwidth: 8_000_000, egressBandwidth: 8_000_000 },
  });
  await felix.waitForRevision(revision);
  // All of it is in place, and the kernel has told of that.
  for (let before = ''; ;) {
    const now = listing().join('\n');
    if (now.includes('xdp') && now === before) break;
    before = now;
    await delay(200);
  }
});

afterAll(() => stack.disposeAsync());

const mac = '$(bridge fdb show dev vxlan.calico | cut -d" " -f1)';
const ifb = '$(ip -br link show type ifb | cut -d" " -f1)';

/** By the counter of repairs: what the log names, and what another hand does. */
const kinds: readonly (readonly [counter: string, cases: readonly (readonly [named: string, script: string])[]])[] = [
  [
    'felix_route_table_repairs',
    [
      ['route 10.65.1.10/32', 'ip route del 10.65.1.10'],
      ['route fd65::1:a/128', 'ip -6 route del fd65::1:a'],
      ['route 10.65.1.10/32', 'ip route replace 10.65.1.10 dev other metric 1024'],
      ['route fd65::1:a/128', 'ip -6 route replace fd65::1:a dev other metric 1024'],
      ['route 10.65.1.10/32', 'ip route replace 10.65.1.10 dev calia metric 1024 src 172.16.0.1'],
      ['route 10.65.1.10/32', 'ip route add 10.65.1.10 dev calia metric 5'],
      ['route 10.99.0.0/24', 'ip route add 10.99.0.0/24 dev calia'],
      ['neighbour 10.65.1.10 on calia', 'ip neigh del 10.65.1.10 dev calia'],
      ['neighbour 10.65.1.10 on calia', 'ip neigh replace 10.65.1.10 lladdr ee:00:00:00:00:99 dev calia'],
      ['net/ipv4/conf/calia/proxy_arp', 'sysctl -qw net.ipv4.conf.calia.proxy_arp=0'],
      ['net/ipv4/conf/calia/rp_filter', 'sysctl -qw net.ipv4.conf.calia.rp_filter=2'],
      ['net/ipv4/conf/calia/forwarding', 'sysctl -qw net.ipv4.conf.calia.forwarding=0'],
      ['net/ipv6/conf/calia/forwarding', 'sysctl -qw net.ipv6.conf.calia.forwarding=0'],
      ['net/ipv6/conf/calia/proxy_ndp', 'sysctl -qw net.ipv6.conf.calia.proxy_ndp=0'],
      ['net/ipv4/ip_forward', 'sysctl -qw net.ipv4.ip_forward=0'],
      ['net/ipv6/conf/all/forwarding', 'sysctl -qw net.ipv6.conf.all.forwarding=0'],
      ['address 169.254.0.179 on calia', 'ip address del 169.254.0.179/32 dev calia'],
      ['address fd12::179 on calia', 'ip address del fd12::179/128 dev calia'],
    ],
  ],
  [
    'felix_tunnel_repairs',
    [
      ['route 10.65.2.0/26', 'ip route del 10.65.2.0/26'],
      ['route fd65::2:0/122', 'ip -6 route del fd65::2:0/122'],
      ['route 10.65.2.0/26', 'ip route replace 10.65.2.0/26 via 172.16.0.254'],
      ['route fd65::2:0/122', 'ip -6 route replace fd65::2:0/122 via fd16::2 metric 1024'],
      ['route 10.65.1.0/26', 'ip route del blackhole 10.65.1.0/26'],
      ['route fd65::1:0/122', 'ip -6 route del blackhole fd65::1:0/122'],
      ['route 10.65.1.0/26', 'ip route replace 10.65.1.0/26 dev other'],
      ['route 10.65.77.0/26', 'ip route add 10.65.77.0/26 via 10.65.2.1 dev vxlan.calico onlink proto 80'],
      ['route 10.65.78.0/26', 'ip route add blackhole 10.65.78.0/26 proto 80'],
      ['neighbour 10.65.2.1', 'ip neigh del 10.65.2.1 dev vxlan.calico'],
      ['neighbour 10.65.2.1', 'ip neigh replace 10.65.2.1 lladdr ee:00:00:00:00:99 dev vxlan.calico'],
      ['neighbour 10.65.9.1', 'ip neigh replace 10.65.9.1 lladdr ee:00:00:00:00:99 dev vxlan.calico'],
      ['neighbour fd65::2:1', 'ip neigh del fd65::2:1 dev vxlan-v6.calico'],
      ['forwarding entry', `bridge fdb del ${mac} dev vxlan.calico`],
      ['forwarding entry', `bridge fdb replace ${mac} dev vxlan.calico dst 172.16.0.99`],
      ['forwarding entry', 'bridge fdb append 00:00:00:00:00:00 dev vxlan.calico dst 172.16.0.99'],
      ['address 10.65.1.1', 'ip address del 10.65.1.1/32 dev vxlan.calico'],
      ['address 10.65.1.9', 'ip address add 10.65.1.9/32 dev vxlan.calico'],
      ['address fd65::1:1', 'ip address del fd65::1:1/128 dev vxlan-v6.calico'],
      ['device vxlan.calico', 'ip link set vxlan.calico down'],
      ['device vxlan.calico', 'ip link set vxlan.calico mtu 1300'],
      ['device vxlan.calico', 'ip link set vxlan.calico address ee:00:00:00:00:05'],
      ['device vxlan.calico', 'ip link set vxlan.calico type vxlan id 4096 local 172.16.0.77'],
      ['device vxlan.calico', 'ip link set vxlan.calico type vxlan id 4096 learning'],
      ['device vxlan.calico', 'ip link set vxlan.calico down; ip link set vxlan.calico name vx7'],
      ['device vxlan.calico', 'ip link del vxlan.calico'],
      ['device vxlan-v6.calico', 'ip link del vxlan-v6.calico'],
    ],
  ],
  [
    'felix_bandwidth_repairs',
    [
      ['calia', 'tc qdisc del dev calia root'],
      ['calia', 'tc qdisc replace dev calia root tbf rate 9mbit burst 10kb latency 25ms'],
      ['calia', 'tc filter del dev calia ingress'],
      ['calia', 'tc qdisc del dev calia ingress'],
      ['calia', `ip link del ${ifb}`],
      ['calia', `ip link set ${ifb} down`],
      ['calia', `tc qdisc del dev ${ifb} root`],
    ],
  ],
  ['felix_xdp_repairs', [['eth0', 'ip link set eth0 xdp off']]],
  [
    'felix_nft_repairs',
    [
      ['ip chain', 'nft delete table ip calico'],
      ['ip6 chain', 'nft delete table ip6 calico'],
      ['ip chain', 'nft flush ruleset'],
      ['ip chain filter-cali-FORWARD', 'nft flush chain ip calico filter-cali-FORWARD'],
      ['ip chain filter-cali-FORWARD', 'nft insert rule ip calico filter-cali-FORWARD accept'],
      ['ip map', 'nft flush map ip calico $(nft list maps ip | grep -o "cali-to-wl[^ ]*" | head -1)'],
      ['ip set cali40', 'nft flush set ip calico $(nft list sets ip | grep -o "cali40s-[^ ]*" | head -1)'],
    ],
  ],
];

/** What Felix has said of repairs since then; the last line it wrote may be cut off. */
function said(since: Date): readonly string[] {
  const lines = felix.output.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
  return lines.filter((line) => {
    const { time, msg } = JSON.parse(line) as { readonly time: string; readonly msg: string };
    return new Date(time) >= since && msg.startsWith('somebody else changed');
  });
}

describe.for(kinds)('%s', ([name, cases]) => {
  it.for(cases)('counts %s after %s, says so, and all is as before', { timeout: 30_000 }, async ([named, script]) => {
    const before = listing();
    const repairs = await counter(name);
    const since = new Date();
    sh(script);
    await expect.poll(() => said(since).join('\n'), { timeout: 10_000 }).toContain(named);
    await expect.poll(listing, { timeout: 10_000 }).toEqual(before);
    expect(await counter(name)).toBeGreaterThan(repairs);
  });
});
