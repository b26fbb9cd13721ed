import fc from 'fast-check';
import { familyOf, tryParseCidr, tryParseIp } from '@calico-node/net';
import { parseCommunity } from '@calico-node/bgp';
import type { bgpV1 } from '@calico-node/rpc';
import { describe, expect, it } from 'vitest';
import { BirdFilesRenderer, renderBirdFiles } from '../bird/render-bird.ts';
import { anyResources } from '../derive/arbitrary.ts';
import { block, configuration, store, threeNodes } from '../derive/fixtures.ts';
import type { BgpResources } from '../derive/resources.ts';
import { BgpConfigRenderer, renderBgpConfig } from './render.ts';

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

  it('again is as rendering anew, whatever of the store has changed', () => {
    const kinds = ['nodes', 'configurations', 'peers', 'filters', 'pools', 'blocks'] as const;
    const steps = fc.array(fc.record({ kind: fc.constantFrom(...kinds), from: anyResources, password: fc.boolean() }));
    fc.assert(
      fc.property(steps, (changes) => {
        const [ours, birds] = [new BgpConfigRenderer(), new BirdFilesRenderer()];
        let [resources, secret]: [BgpResources, string | undefined] = [store({ nodes: threeNodes }), undefined];
        const options = { nodeName: 'n1', secretOf: () => secret };
        for (const { kind, from, password } of changes) {
          const spec = { nodeMeshPassword: { secretKeyRef: { name: 'bgp', key: 'mesh' } } };
          const added = kind === 'configurations' ? { configurations: [configuration(spec)] } : {};
          resources = { ...resources, [kind]: from[kind], ...added };
          secret = password ? 'open sesame' : undefined;
          expect(ours.render(resources, options)).toEqual(renderBgpConfig(resources, options));
          expect(birds.render(resources, options)).toEqual(renderBirdFiles(resources, options));
        }
      }),
    );
  });

  it('again after a block was claimed does not look at the nodes', () => {
    const renderer = new BgpConfigRenderer();
    const options = { nodeName: 'n1' };
    const resources = store({ nodes: threeNodes });
    const before = renderer.render(resources, options).config;
    const after = renderer.render({ ...resources, blocks: [block('10.65.0.0/26')] }, options).config;
    expect(after.staticRoutes).toHaveLength(1);
    expect(after.neighbors).toBe(before.neighbors);
  });
});
