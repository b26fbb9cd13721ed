import { parseCidr } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import {
  affinityKey,
  affinityPrefix,
  blockKey,
  blockPrefix,
  handleKey,
  ipamConfigKey,
  ipamHostKey,
  parseAffinityKey,
  parseBlockKey,
  parseHandleKey,
} from './ipam/keys.ts';
import { findKind, kindInfo } from './kind-info.ts';
import { kinds } from './kinds/kind-names.ts';
import { parseResourceKey, resourceKey, resourcePrefix } from './resource-key.ts';
import {
  felixLastStatusKey,
  felixStatusKey,
  hostEndpointStatusKey,
  parseWorkloadEndpointStatusKey,
  workloadEndpointStatusKey,
} from './status/keys.ts';

const V4 = parseCidr('10.0.1.0/26');
const V6 = parseCidr('fd00:10:244::/122');

describe('resource keys', () => {
  it('are as Calico has them', () => {
    expect(resourceKey('IPPool', 'p1')).toBe('/calico/resources/v3/projectcalico.org/ippools/p1');
    expect(resourceKey('NetworkPolicy', 'web', 'prod')).toBe(
      '/calico/resources/v3/projectcalico.org/networkpolicies/prod/web',
    );
    expect(resourcePrefix('NetworkPolicy')).toBe('/calico/resources/v3/projectcalico.org/networkpolicies/');
    expect(resourcePrefix('NetworkPolicy', 'prod')).toBe(
      '/calico/resources/v3/projectcalico.org/networkpolicies/prod/',
    );
  });

  it.each(kinds)('of %s come back', (kind) => {
    const namespace = kindInfo(kind).namespaced ? { namespace: 'prod' } : {};
    const key = resourceKey(kind, 'a.b-c', namespace.namespace);
    expect(key.startsWith(resourcePrefix(kind))).toBe(true);
    expect(parseResourceKey(key)).toEqual({ kind, name: 'a.b-c', ...namespace });
  });

  it('are unescaped as Calico does', () => {
    expect(parseResourceKey('/calico/resources/v3/projectcalico.org/nodes/a%2fb%252f')?.name).toBe('a/b%2f');
  });

  it.each([
    '/calico/resources/v3/projectcalico.org/ippools/a/b',
    '/calico/resources/v3/projectcalico.org/networkpolicies/a',
    '/calico/resources/v3/projectcalico.org/networkpolicies/a/b/c',
    '/calico/resources/v3/projectcalico.org/networkpolicies//b',
    '/calico/resources/v3/projectcalico.org/ippools/',
    '/calico/resources/v3/projectcalico.org/ippools',
    '/calico/resources/v3/projectcalico.org/pods/a',
    'calico/resources/v3/projectcalico.org/ippools/a',
    '/calico/ipam/v2/config',
  ])('are not %s', (key) => {
    expect(parseResourceKey(key)).toBeUndefined();
  });

  it('cannot be made to point elsewhere', () => {
    expect(() => resourceKey('IPPool', 'a/b')).toThrow(RangeError);
    expect(() => resourceKey('IPPool', '')).toThrow(RangeError);
    expect(() => resourceKey('IPPool', 'a', 'ns')).toThrow(RangeError);
    expect(() => resourceKey('NetworkSet', 'a')).toThrow(RangeError);
    expect(() => resourceKey('NetworkSet', 'a', 'b/c')).toThrow(RangeError);
  });
});

describe('IPAM keys', () => {
  it('are as Calico has them', () => {
    expect(blockKey(V4)).toBe('/calico/ipam/v2/assignment/ipv4/block/10.0.1.0-26');
    expect(blockKey(V6)).toBe('/calico/ipam/v2/assignment/ipv6/block/fd00:10:244::-122');
    expect(blockPrefix(4)).toBe('/calico/ipam/v2/assignment/ipv4/block/');
    expect(affinityKey('host', 'n1', V4)).toBe('/calico/ipam/v2/host/n1/ipv4/block/10.0.1.0-26');
    expect(affinityKey('virtual', 'load-balancer', V6)).toBe(
      '/calico/ipam/v2/virtual/load-balancer/ipv6/block/fd00:10:244::-122',
    );
    expect(affinityPrefix('host', 'n1')).toBe('/calico/ipam/v2/host/n1/');
    expect(affinityPrefix('host', 'n1', 6)).toBe('/calico/ipam/v2/host/n1/ipv6/block/');
    expect(handleKey('k8s-pod-network.abc')).toBe('/calico/ipam/v2/handle/k8s-pod-network.abc');
    expect(ipamConfigKey).toBe('/calico/ipam/v2/config');
    expect(ipamHostKey('n1')).toBe('/calico/ipam/v2/host/n1');
    expect(() => handleKey('a/b')).toThrow(RangeError);
  });

  it('come back', () => {
    for (const cidr of [V4, V6]) {
      expect(parseBlockKey(blockKey(cidr))).toBe(cidr);
      expect(parseAffinityKey(affinityKey('host', 'n-1', cidr))).toEqual({ type: 'host', host: 'n-1', cidr });
    }
    expect(parseHandleKey(handleKey('h'))).toBe('h');
  });

  it.each([
    '/calico/ipam/v2/assignment/ipv6/block/10.0.1.0-26',
    '/calico/ipam/v2/assignment/ipv4/block/10.0.1.1-26',
    '/calico/ipam/v2/assignment/ipv4/block/',
    '/calico/ipam/v2/host/n1',
    '/calico/ipam/v2/host/n1/ipv4/block/x',
    '/calico/ipam/v2/other/n1/ipv4/block/10.0.1.0-26',
  ])('are not %s', (key) => {
    expect(parseBlockKey(key)).toBeUndefined();
    expect(parseAffinityKey(key)).toBeUndefined();
  });
});

describe('status keys', () => {
  const pod = { host: 'n1', orchestrator: 'k8s', workload: 'default/my%pod', endpoint: 'eth0' };

  it('are as Calico has them', () => {
    expect(felixStatusKey('n1')).toBe('/calico/felix/v2/no-region/host/n1/status');
    expect(felixLastStatusKey('n1', 'one')).toBe('/calico/felix/v2/region-one/host/n1/last_reported_status');
    expect(workloadEndpointStatusKey(pod)).toBe(
      '/calico/felix/v2/no-region/host/n1/workload/k8s/default%2fmy%25pod/endpoint/eth0',
    );
    expect(hostEndpointStatusKey('n1', 'eth0')).toBe('/calico/felix/v1/host/n1/endpoint/eth0');
    expect(() => felixStatusKey('n1', 'a/b')).toThrow(RangeError);
  });

  it('come back', () => {
    expect(parseWorkloadEndpointStatusKey(workloadEndpointStatusKey(pod))).toEqual(pod);
    expect(parseWorkloadEndpointStatusKey(workloadEndpointStatusKey({ ...pod, region: 'r' }))).toEqual({
      ...pod,
      region: 'r',
    });
    expect(parseWorkloadEndpointStatusKey(felixStatusKey('n1'))).toBeUndefined();
  });
});

describe('kind names', () => {
  it.each([
    ['ippool', 'IPPool'],
    ['IPPools', 'IPPool'],
    ['POOL', 'IPPool'],
    ['gnp', 'GlobalNetworkPolicy'],
    ['policies', 'NetworkPolicy'],
    ['wep', 'WorkloadEndpoint'],
    ['nos', 'Node'],
    ['tiers', 'Tier'],
    ['clusterinfo', 'ClusterInformation'],
    ['skpol', 'StagedKubernetesNetworkPolicy'],
    ['pods', undefined],
  ])('%s is %s', (name, kind) => {
    expect(findKind(name)).toBe(kind);
  });

  it('belong to one kind each', () => {
    const names = kinds.flatMap((kind) => [kind.toLowerCase(), kindInfo(kind).plural, ...kindInfo(kind).shortNames]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('have cells for all their columns', () => {
    for (const kind of kinds) {
      const { columns, defaultColumns, wideColumns } = kindInfo(kind);
      for (const heading of [...defaultColumns, ...wideColumns])
        expect(columns[heading], `${kind} ${heading}`).toBeDefined();
    }
  });
});
