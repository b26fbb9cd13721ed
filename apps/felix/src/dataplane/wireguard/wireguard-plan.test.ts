import {
  hostCidr,
  parseCidr,
  parseIp,
  parseNodeName,
  wireguardKeyFromBytes,
  type Cidr,
  type NodeName,
} from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostUpdate, Intent } from '../../calc/intents.ts';
import { WireguardPlan } from './wireguard-plan.ts';

const keyOf = (number: number) => wireguardKeyFromBytes(new Uint8Array(32).fill(number));
const nameOf = (number: number): NodeName => parseNodeName(`node${number}`);
const addressOf = (number: number) => parseIp(`172.16.0.${number}`);
const blockOf = (number: number): Cidr => parseCidr(`10.65.${number}.0/26`);

const host = (number: number, key?: number, more: Partial<HostUpdate> = {}): HostUpdate => ({
  type: 'host-update',
  hostname: nameOf(number),
  ipv4: addressOf(number),
  ...(key === undefined ? {} : { wireguard4: { publicKey: keyOf(key) } }),
  ...more,
});
const owner = (destination: Cidr, number: number): Intent => ({
  type: 'owner-update',
  destination,
  host: nameOf(number),
});

function planned(intents: readonly Intent[], encryptsHosts = false) {
  const plan = new WireguardPlan({ hostname: nameOf(1), family: 4, encryptsHosts });
  for (const intent of intents) plan.update(intent);
  plan.settle();
  return plan;
}

function describePlan(plan: WireguardPlan) {
  return {
    peers: [...plan.peers()]
      .map(([key, { host: name, ip, allowedIps }]) => [key, name, ip, [...allowedIps].sort()])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    routes: [...plan.destinations()].map((destination) => [destination, plan.routeOf(destination)]).sort(),
  };
}

const cluster = [host(1, 1), host(2, 2), host(3), owner(blockOf(1), 1), owner(blockOf(2), 2), owner(blockOf(3), 3)];

describe('what goes through WireGuard', () => {
  it('is what hosts with a key have; the rest, our own too, goes past it', () => {
    const plan = planned(cluster);
    expect([...plan.peers()]).toEqual([
      [keyOf(2), { host: 'node2', ip: '172.16.0.2', allowedIps: new Set([blockOf(2)]) }],
    ]);
    expect([1, 2, 3].map((number) => plan.routeOf(blockOf(number)))).toEqual(['throw', 'device', 'throw']);
    expect(plan.routeOf(hostCidr(addressOf(2)))).toBeUndefined();
  });

  it('has nothing of the other family', () => {
    const plan = planned([...cluster, owner(parseCidr('fd65::2:0/122'), 2)]);
    expect(plan.peerOf(keyOf(2))?.allowedIps).toEqual(new Set([blockOf(2)]));
    expect(plan.routeOf(parseCidr('fd65::2:0/122'))).toBeUndefined();
  });

  it('has the tunnel addresses of hosts, and with host encryption their own', () => {
    const tunnels = {
      ipipAddress: parseIp('10.65.9.1'),
      wireguard4: { publicKey: keyOf(2), address: parseIp('10.65.9.2') },
    };
    const plan = planned([...cluster, host(2, 2, tunnels)], true);
    expect([...plan.peerOf(keyOf(2))!.allowedIps].sort()).toEqual([
      '10.65.2.0/26',
      '10.65.9.1/32',
      '10.65.9.2/32',
      '172.16.0.2/32',
    ]);
    expect(plan.routeOf(hostCidr(addressOf(3)))).toBe('throw');
    expect(plan.routeOf(hostCidr(addressOf(1)))).toBeUndefined();
  });

  it('is nothing of hosts that claim the same key, until only one does', () => {
    const plan = planned([...cluster, host(3, 2)]);
    expect(plan.peers().size).toBe(0);
    expect(plan.routeOf(blockOf(2))).toBe('throw');
    plan.update(host(3));
    expect(plan.settle()).toEqual({ keys: new Set([keyOf(2)]), destinations: new Set([blockOf(2)]) });
    expect(plan.routeOf(blockOf(2))).toBe('device');
  });

  it('tells which peers and destinations a change concerns, and no others', () => {
    const plan = planned(cluster);
    plan.update(owner(parseCidr('10.65.2.70/32'), 2));
    expect(plan.settle()).toEqual({ keys: new Set([keyOf(2)]), destinations: new Set(['10.65.2.70/32']) });
    plan.update(host(3, 3));
    expect(plan.settle()).toEqual({ keys: new Set([keyOf(3)]), destinations: new Set([blockOf(3)]) });
    expect(plan.settle()).toEqual({ keys: new Set(), destinations: new Set() });
    plan.update({ type: 'host-remove', hostname: nameOf(2) });
    expect(plan.settle().keys).toEqual(new Set([keyOf(2)]));
    expect(plan.routeOf(blockOf(2))).toBe('throw');
    plan.update({ type: 'owner-remove', destination: blockOf(2) });
    plan.settle();
    expect(plan.routeOf(blockOf(2))).toBeUndefined();
  });

  it('does not depend on the order and grouping of what led there', () => {
    const intent = fc.oneof(
      fc
        .tuple(fc.integer({ min: 1, max: 4 }), fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }))
        .map(([number, key]) => host(number, key)),
      fc.integer({ min: 1, max: 4 }).map((number): Intent => ({ type: 'host-remove', hostname: nameOf(number) })),
      fc
        .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }))
        .map(([block, number]) => owner(blockOf(block), number)),
      fc.integer({ min: 1, max: 5 }).map((block): Intent => ({ type: 'owner-remove', destination: blockOf(block) })),
    );
    const idOf = (each: Intent): string =>
      'hostname' in each ? each.hostname : 'destination' in each ? each.destination : '';
    fc.assert(
      fc.property(fc.array(fc.tuple(intent, fc.boolean())), fc.boolean(), (steps, encryptsHosts) => {
        const plan = new WireguardPlan({ hostname: nameOf(1), family: 4, encryptsHosts });
        for (const [each, settles] of steps) {
          plan.update(each);
          if (settles) plan.settle();
        }
        plan.settle();
        const last = [...new Map(steps.map(([each]) => [idOf(each), each])).values()].reverse();
        expect(describePlan(plan)).toEqual(describePlan(planned(last, encryptsHosts)));
        for (const [, { host: name, allowedIps }] of plan.peers()) {
          expect(name).not.toBe('node1');
          for (const cidr of allowedIps) expect(plan.routeOf(cidr)).toBe('device');
        }
      }),
    );
  });
});
