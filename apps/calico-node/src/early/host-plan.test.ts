import { parseAsn, parseCidr, parseIp } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import type { EarlyNode } from './early-config.ts';
import { planHost, type HostAddress, type HostRoute, type HostState } from './host-plan.ts';
import { findThisNode } from './this-node.ts';

const [lo, eth0, eth1] = [1, 2, 3];

const node: EarlyNode = {
  interfaceAddresses: [parseIp('172.31.11.3'), parseIp('172.31.12.3')],
  stableAddress: parseIp('172.31.10.3'),
  asNumber: parseAsn(65001),
  peerings: [
    { peer: parseIp('172.31.11.1'), asNumber: parseAsn(65011) },
    { peer: parseIp('172.31.12.1'), asNumber: parseAsn(65012) },
  ],
  labels: {},
};

function address(interfaceIndex: number, ip: string, prefixLength = 24, isLinkScope = false): HostAddress {
  return { interfaceIndex, ip: parseIp(ip), prefixLength, isLinkScope };
}

function route(destination: string, via: string, interfaceIndex: number, source?: string): HostRoute {
  return {
    destination: parseCidr(destination),
    protocol: 3,
    metric: 0,
    source: source === undefined ? undefined : parseIp(source),
    hops: [{ gateway: parseIp(via), interfaceIndex }],
  };
}

const host: HostState = {
  addresses: [address(lo, '127.0.0.1', 8), address(eth0, '172.31.11.3'), address(eth1, '172.31.12.3')],
  routes: [],
  loopbackIndex: lo,
};
const usual = { forcesDefaultRoute: false, bootstraps: [] };
const stableRoute = { destination: '172.31.10.3/32', protocol: 4, metric: 0, hops: [{ interfaceIndex: lo }] };

describe('the plan for a host between two planes', () => {
  test('gives it the stable address, announced, and keeps the others to their links', () => {
    expect(planHost(node, host, usual)).toEqual({
      needsStableAddress: true,
      narrowed: host.addresses.slice(1),
      routes: [stableRoute],
    });
  });

  test('is empty once it was carried out', () => {
    const done: HostState = {
      ...host,
      addresses: [
        address(lo, '172.31.10.3', 32),
        address(eth0, '172.31.11.3', 24, true),
        address(eth1, '172.31.12.3', 24, true),
      ],
      routes: [{ ...route('172.31.10.3/32', '0.0.0.0', lo), protocol: 4 }],
    };
    expect(planHost(node, done, usual)).toEqual({ needsStableAddress: false, narrowed: [], routes: [] });
  });

  test('leaves the networks of no ToR alone', () => {
    const third = address(4, '10.0.0.3');
    const plan = planHost(node, { ...host, addresses: [...host.addresses, third] }, usual);
    expect(plan.narrowed).not.toContain(third);
  });

  test('puts back the routes that go with an address, without it as their source', () => {
    const kept = route('10.0.0.0/8', '10.1.0.1', 4);
    const lost = route('0.0.0.0/0', '172.31.11.1', eth0, '172.31.11.3');
    const plan = planHost(node, { ...host, routes: [lost, kept] }, usual);
    expect(plan.routes).toEqual([{ ...lost, source: undefined }, stableRoute]);
  });

  test('has a default route over all ToRs behind every other, where that is asked for', () => {
    expect(planHost(node, host, { ...usual, forcesDefaultRoute: true }).routes.at(-1)).toEqual({
      destination: '0.0.0.0/0',
      protocol: 4,
      metric: 4096,
      hops: [
        { gateway: '172.31.11.1', interfaceIndex: eth0 },
        { gateway: '172.31.12.1', interfaceIndex: eth1 },
      ],
    });
  });

  test("reaches OpenShift's bootstrap machine on the same network from the stable address", () => {
    const bootstraps = [parseIp('172.31.12.9'), parseIp('192.0.2.9')];
    expect(planHost(node, host, { ...usual, bootstraps }).routes.slice(1)).toEqual([
      {
        destination: '172.31.12.9/32',
        protocol: 4,
        metric: 0,
        source: '172.31.10.3',
        hops: [{ interfaceIndex: eth1 }],
      },
    ]);
  });
});

describe("a node's own entry", () => {
  const config = { nodes: [node], isOpenShift: false, isNodeFromDefaultRoute: false, forcesDefaultRoute: false };
  const fromRoute = { ...config, isNodeFromDefaultRoute: true };

  test('is that of one of its addresses', () => {
    expect(findThisNode(config, host.addresses, [])).toEqual({ node, address: '172.31.11.3' });
    expect(findThisNode(config, [address(eth0, '10.0.0.1')], [])).toBeUndefined();
  });

  test("is that of the default route's source, or of the network of its gateway, where that is asked for", () => {
    const bySource = route('0.0.0.0/0', '192.0.2.1', eth0, '172.31.12.3');
    expect(findThisNode(fromRoute, host.addresses, [bySource])?.address).toBe('172.31.12.3');
    const byGateway = route('0.0.0.0/0', '172.31.12.1', eth1);
    expect(findThisNode(fromRoute, host.addresses, [byGateway])?.address).toBe('172.31.12.3');
    expect(findThisNode(fromRoute, host.addresses, [])).toBeUndefined();
  });
});
