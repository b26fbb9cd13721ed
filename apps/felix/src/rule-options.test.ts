import { expect, test } from 'vitest';
import { resolveParameters } from './config/resolve.ts';
import { fromEnvironment } from './config/sources.ts';
import { ownNodeOf, ruleOptionsOf } from './rule-options.ts';

const valuesOf = (env: Record<string, string>) => resolveParameters([fromEnvironment(env)]).values;
const optionsOf = (env: Record<string, string>) => ruleOptionsOf(valuesOf(env), 'nftables', false);

test.each([
  [{}, undefined],
  [{ FELIX_INTERFACEPREFIX: 'cali,tap' }, { metadata: { address: '127.0.0.1', port: 8775 } }],
  [{ FELIX_CLUSTERTYPE: 'openstack,bgp' }, { metadata: { address: '127.0.0.1', port: 8775 } }],
  [{ FELIX_METADATAADDR: '192.0.2.7' }, { metadata: { address: '192.0.2.7', port: 8775 } }],
  [{ FELIX_METADATAPORT: '80' }, { metadata: { address: '127.0.0.1', port: 80 } }],
  [{ FELIX_INTERFACEPREFIX: 'tap', FELIX_METADATAADDR: 'none' }, { metadata: undefined }],
  [{ FELIX_METADATAADDR: 'none' }, undefined],
  [{ FELIX_METADATAPORT: 'none' }, undefined],
  [{ FELIX_INTERFACEPREFIX: 'tap', FELIX_METADATAPORT: 'none' }, { metadata: undefined }],
])('with %o OpenStack is %o', (env, openstack) => {
  expect(optionsOf(env).openstack).toEqual(openstack);
});

test('features that are switched off are left out', () => {
  expect(optionsOf({}).fullyRandom).toEqual({ masquerade: true, snat: true });
  const off = optionsOf({ FELIX_FEATUREDETECTOVERRIDE: 'MASQFullyRandom=false,SNATFullyRandom=' });
  expect(off.fullyRandom).toEqual({ masquerade: false, snat: true });
});

test('of the own node only what is set is said', () => {
  expect(ownNodeOf(valuesOf({}))).toEqual({});
  expect(ownNodeOf(valuesOf({ FELIX_IPV4VXLANTUNNELADDR: '10.0.0.1' }))).toEqual({ ipv4VXLANTunnelAddr: '10.0.0.1' });
});
