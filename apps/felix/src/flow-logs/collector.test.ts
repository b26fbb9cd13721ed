import { parseIp, type IpAddress } from '@calico-node/net';
import type { CountedConnection } from '@calico-node/netlink/conntrack';
import { beforeEach, describe, expect, it } from 'vitest';
import { Collector } from './collector.ts';
import type { End } from './ends.ts';
import { noProfileHit, policyHit, profileHit, tierEndHit } from './hit.ts';

const [client, server, outside] = ['10.65.0.1', '10.65.0.2', '192.0.2.1'].map((text) => parseIp(text)) as [
  ...[IpAddress, IpAddress, IpAddress],
];
const item = (labels: Record<string, string>) => ({
  ...{ labels: new Map(Object.entries(labels)), profiles: [], nets: [], ports: [] },
});
let ends: Map<IpAddress, End>;
const endAt = (ip: IpAddress): End => ends.get(ip) ?? { type: 'network', namespace: '-', name: 'pub' };

const web = policyHit('GlobalNetworkPolicy', { name: 'web' }, 'default', 'Allow', 0);
const connectTo = (destination: IpAddress, more: object = {}) => ({
  ...{ family: 4 as const, source: client, destination, protocol: 6 },
  ...{ sourcePort: 4000, destinationPort: 80, bytes: 60, ...more },
});
const counted = (forth: number, back: number, more: Partial<CountedConnection> = {}): CountedConnection => ({
  ...connectTo(server),
  sentTo: { destination: server, destinationPort: 80 },
  forth: { packets: forth, bytes: forth * 100 },
  back: { packets: back, bytes: back * 100 },
  isEnding: false,
  ...more,
});

let collector: Collector;
const flush = (nowMs: number) =>
  collector.flush(nowMs).flows.map(({ key, packetsIn, packetsOut, started, completed, live }) => {
    const { direction, action, enforced } = key;
    const names = enforced.map(({ kind, name }) => name || kind);
    return [direction, action, names.join(), { in: packetsIn, out: packetsOut, started, completed, live }];
  });

beforeEach(() => {
  ends = new Map([
    [client, { type: 'workload', namespace: 'a', name: 'client', item: item({ app: 'client', at: '1' }) }],
    [server, { type: 'workload', namespace: 'b', name: 'server', item: item({ app: 'server' }) }],
  ]);
  const workloadAt = (ip: IpAddress) => (ends.has(ip) ? () => web : undefined);
  const serviceAt = () => ({ namespace: 'b', name: 'shop', portName: 'http', port: 8080 });
  collector = new Collector({ endAt, workloadAt, serviceAt, limit: 3 }, 0);
});

describe('a connection', () => {
  it('is told of by both its ends, with what went over it since the last flush, until it is over', () => {
    collector.packet('egress', profileHit('kns.a', 'Allow', 0), connectTo(server), undefined, 0);
    collector.packet('ingress', web, connectTo(server), undefined, 0);
    collector.connections([counted(3, 2)], 1);
    expect(flush(10)).toEqual([
      ['egress', 'Allow', 'kns.a', { in: 2, out: 3, started: 1, completed: 0, live: 1 }],
      ['ingress', 'Allow', 'web', { in: 3, out: 2, started: 1, completed: 0, live: 1 }],
    ]);
    collector.connections([counted(5, 2, { isEnding: true })], 11);
    expect(flush(20)).toEqual([
      ['egress', 'Allow', 'kns.a', { in: 0, out: 2, started: 0, completed: 1, live: 1 }],
      ['ingress', 'Allow', 'web', { in: 2, out: 0, started: 0, completed: 1, live: 1 }],
    ]);
    expect(flush(30)).toEqual([]);
    expect(collector.count).toBe(0);
  });

  it('is over when the kernel has it no longer', () => {
    collector.packet('ingress', web, connectTo(server), undefined, 0);
    collector.connections([counted(3, 2)], 1);
    collector.connections([], 2);
    expect(flush(10)).toEqual([['ingress', 'Allow', 'web', { in: 3, out: 2, started: 1, completed: 1, live: 1 }]]);
  });

  it('that another of the same ports follows is told of apart', () => {
    collector.packet('ingress', web, connectTo(server), undefined, 0);
    collector.connections([counted(3, 2, { isEnding: true })], 1);
    collector.packet('ingress', web, connectTo(server), undefined, 2);
    collector.connections([counted(1, 1)], 3);
    expect(flush(10)).toEqual([['ingress', 'Allow', 'web', { in: 4, out: 3, started: 2, completed: 1, live: 2 }]]);
  });

  it('that is denied counts the packets that came, and is over a minute after the last', () => {
    const end = tierEndHit('default', 'Deny');
    for (const nowMs of [0, 1000]) collector.packet('ingress', end, connectTo(server), undefined, nowMs);
    const [flow] = collector.flush(2000).flows;
    expect(flow).toMatchObject({ packetsIn: 2, bytesIn: 120, key: { action: 'Deny', enforced: [{ trigger: web }] } });
    expect(flush(60_999)).toEqual([
      ['ingress', 'Deny', 'EndOfTier', { in: 0, out: 0, started: 0, completed: 0, live: 1 }],
    ]);
    expect(flush(61_000)).toMatchObject([['ingress', 'Deny', 'EndOfTier', { completed: 1 }]]);
    expect(collector.count).toBe(0);
  });

  it('that policy says something else of now is over under the old word, and begun under the new one', () => {
    const pass = policyHit('GlobalNetworkPolicy', { name: 'first' }, 'security', 'Pass', 0);
    collector.packet('ingress', noProfileHit, connectTo(server), undefined, 0);
    expect(flush(1)).toHaveLength(1);
    for (const hit of [pass, web]) collector.packet('ingress', hit, connectTo(server), undefined, 2);
    expect(flush(3)).toEqual([
      ['ingress', 'Deny', '__NO_MATCH__', { in: 0, out: 0, started: 0, completed: 1, live: 1 }],
      ['ingress', 'Allow', 'first,web', { in: 1, out: 0, started: 1, completed: 0, live: 1 }],
    ]);
  });

  it('is not told of while a tier has yet to decide', () => {
    const pass = policyHit('GlobalNetworkPolicy', { name: 'first' }, 'security', 'Pass', 0);
    collector.packet('ingress', pass, connectTo(server), undefined, 0);
    expect(flush(1)).toEqual([]);
  });

  it('is nothing to tell of at an end that is no workload of this host', () => {
    collector.packet('ingress', web, connectTo(outside), undefined, 0);
    expect(collector.count).toBe(0);
  });

  it('beyond the limit is left out, and counted', () => {
    for (const sourcePort of [1, 2, 3, 4, 4])
      collector.packet('ingress', web, connectTo(server, { sourcePort }), undefined, 0);
    expect(collector.count).toBe(3);
    expect(collector.flush(1).left).toBe(2);
    expect(collector.flush(2).left).toBe(0);
  });
});

describe('a flow', () => {
  it('has the labels that all its sources have, and the service that was asked for', () => {
    const other = parseIp('10.65.0.3');
    ends.set(other, { type: 'workload', namespace: 'a', name: 'client', item: item({ app: 'client', at: '2' }) });
    const sentTo = { destination: parseIp('10.96.0.1'), destinationPort: 8080 };
    collector.packet('ingress', web, connectTo(server), sentTo, 0);
    collector.packet('ingress', web, connectTo(server, { source: other }), sentTo, 0);
    const { flows } = collector.flush(5000);
    expect(flows).toMatchObject([
      {
        ...{ started: 2, startMs: 0, endMs: 5000, sourceLabels: ['app=client'], destinationLabels: ['app=server'] },
        key: { service: { name: 'shop' }, source: { namespace: 'a', name: 'client' }, destinationPort: 80 },
      },
    ]);
  });

  it('keeps the name of an end that is gone', () => {
    collector.packet('ingress', web, connectTo(server), undefined, 0);
    const [end] = [ends.get(client)];
    ends.delete(client);
    expect(collector.flush(1).flows[0]?.key.source).toEqual({
      ...{ type: end?.type, namespace: end?.namespace, name: end?.name },
    });
  });
});
