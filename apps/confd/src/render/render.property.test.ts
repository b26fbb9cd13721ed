import fc from 'fast-check';
import { familyOf, tryParseCidr, tryParseIp } from '@calico-node/net';
import { parseCommunity } from '@calico-node/bgp';
import type { bgpV1 } from '@calico-node/rpc';
import { describe, expect, it } from 'vitest';
import { anyResources } from '../derive/arbitrary.ts';
import { renderBgpConfig } from './render.ts';

function expectAcceptable(config: bgpV1.BgpConfig): void {
  const isNetwork = (text: string): boolean => tryParseCidr(text) !== undefined;
  const filterNames = new Set(config.filters.map((one) => one.name));
  expect(filterNames.size).toBe(config.filters.length);
  expect(familyOf(tryParseIp(config.routerId) ?? '::')).toBe(4);
  expect(config.routerId).not.toBe('0.0.0.0');
  expect(config.localAs).toBeGreaterThan(0);
  expect(new Set(config.neighbors.map((one) => one.name)).size).toBe(config.neighbors.length);
  for (const one of config.neighbors) {
    expect(tryParseIp(one.address)).toBe(one.address);
    expect(one.remoteAs).toBeGreaterThan(0);
    expect(one.sourceAddress === '' || tryParseIp(one.sourceAddress) !== undefined).toBe(true);
    expect([...one.importFilters, ...one.exportFilters].every((filterName) => filterNames.has(filterName))).toBe(true);
    expect(one.clusterId === '' || tryParseIp(one.clusterId) !== undefined).toBe(true);
  }
  const { announceWithin = [], neverAnnounce = [], neverProgram = [] } = config.kernel ?? {};
  expect([...announceWithin, ...neverAnnounce, ...neverProgram].every(isNetwork)).toBe(true);
  expect(config.staticRoutes.every(({ prefix }) => isNetwork(prefix))).toBe(true);
  for (const { rules } of config.filters) {
    expect(rules.every((rule) => rule.cidr === '' || (isNetwork(rule.cidr) && rule.matchOperator !== 0))).toBe(true);
  }
  for (const { prefix, communities } of config.prefixCommunities) {
    expect(isNetwork(prefix) && communities.every((text) => parseCommunity(text) !== undefined)).toBe(true);
  }
}

describe('rendering', () => {
  it('gives a configuration that the daemon accepts, whatever the store holds', () => {
    fc.assert(
      fc.property(anyResources, (input) => {
        expectAcceptable(renderBgpConfig(input, { nodeName: 'n1' }).config);
      }),
    );
  });
});
