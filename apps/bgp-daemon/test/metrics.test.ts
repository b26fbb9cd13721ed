import { execFileSync } from 'node:child_process';
import { bgpV1 } from '@calico-node/rpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RawPeer, rawUpdate } from './raw-peer.ts';
import { Daemon, Rig, until, type Host } from './rig.ts';

let rig: Rig;
let ours: Host;
let theirs: Host;
let daemon: Daemon;
let peer: RawPeer | undefined;

beforeEach(() => {
  rig = new Rig();
  ours = rig.addHost();
  theirs = rig.addHost();
  daemon = new Daemon(ours, ['--health-address', '127.0.0.1:9191']);
});

afterEach(async () => {
  peer?.close();
  daemon.close();
  await rig.close();
});

/** What the daemon tells at `/metrics`, by lines. */
function metrics(): string[] {
  const script = "fetch('http://127.0.0.1:9191/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))";
  const args = [`--net=/run/netns/${ours.name}`, process.execPath, '-e', script];
  return execFileSync('nsenter', args, { encoding: 'utf8' }).split('\n');
}

it('counts by peer and by table, in types that Prometheus knows', async () => {
  const filter = {
    name: 'f',
    rules: [
      {
        family: 4,
        cidr: '198.18.2.0/24',
        matchOperator: bgpV1.MatchOperator.EQUAL,
        action: bgpV1.FilterAction.REJECT,
      },
    ],
  };
  const neighbor = { name: 'raw', address: theirs.address, remoteAs: 64512, passive: true, importFilters: ['f'] };
  await daemon.apply(
    bgpV1.BgpConfig.fromPartial({
      routerId: ours.address,
      localAs: 64512,
      neighbors: [neighbor],
      filters: [filter],
      staticRoutes: [{ prefix: 'fd00:244:1::/122' }],
    }),
  );
  peer = await RawPeer.open(theirs, ours);
  const nextHop = theirs.address.split('.').map(Number);
  const attributes = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, ...nextHop];
  const looped = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfc, 0, 0x40, 3, 4, ...nextHop];
  peer.send(
    rawUpdate(attributes, [24, 198, 18, 1, 24, 198, 18, 2]),
    rawUpdate(looped, [24, 198, 18, 3]),
    rawUpdate([0x40, 1, 1, 9, ...attributes.slice(4)], [24, 198, 18, 4]),
  );
  const wanted = [
    'bgp_session_established{peer="raw"} 1',
    'bgp_prefixes_received{peer="raw",family="ipv4"} 2',
    'bgp_prefixes_sent{peer="raw",family="ipv4"} 0',
    'bgp_prefixes{family="ipv4"} 2',
    'bgp_prefixes{family="ipv6"} 1',
    'bgp_routes_rejected_total{peer="raw"} 1',
    'bgp_route_loops_total{peer="raw"} 1',
    '# TYPE bgp_messages_received_total counter',
    '# TYPE bgp_prefixes gauge',
    'bgp_bmp_stations_dropped_total 0',
  ];
  await daemon.established();
  // The last UPDATE.
  const last = 'bgp_updates_treated_as_withdrawn_total{peer="raw"} 1';
  const lines = await until('metrics', metrics, (seen) => seen.includes(last));
  expect(lines).toEqual(expect.arrayContaining(wanted));
});
