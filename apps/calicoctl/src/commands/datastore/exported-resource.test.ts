import type { FelixConfiguration, Node, Resource } from '@calico-node/model';
import { describe, expect, it } from 'vitest';
import { exportedResource, isExported, kubernetesNames } from './exported-resource.ts';
import { parseExportedResources, splitExport } from './export-file.ts';
import { dumpSize, parseDump, renamedDump, renderDump, type IpamDump } from './ipam-dump.ts';

const apiVersion = 'projectcalico.org/v3';
const names = new Map([['n1', 'k1']]);

function node(name: string, orchestrator: string): Node {
  return {
    kind: 'Node',
    apiVersion,
    metadata: { name },
    spec: { orchRefs: [{ nodeName: `k-${name}`, orchestrator }] },
  };
}

describe('an exported resource', () => {
  it('has nothing that the store gave it', () => {
    const metadata = {
      name: 'p',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-01-02T03:04:05Z',
      labels: { a: 'b' },
      namespace: 'ns',
    };
    const resource: Resource = { kind: 'NetworkSet', apiVersion, metadata, spec: {} };
    expect(exportedResource(resource, names).metadata).toEqual({ name: 'p', labels: { a: 'b' }, namespace: 'ns' });
  });

  it('has the name that its node gets', () => {
    const felix = (name: string): Resource => ({
      kind: 'FelixConfiguration',
      apiVersion,
      metadata: { name },
      spec: {},
    });
    expect(exportedResource(node('n1', 'k8s'), names).metadata.name).toBe('k1');
    expect(exportedResource(felix('node.n1'), names).metadata.name).toBe('node.k1');
    expect(exportedResource(felix('node.n2'), names).metadata.name).toBe('node.n2');
    expect(exportedResource(felix('default'), names).metadata.name).toBe('default');
  });

  it('has actions in the case that CRDs take', () => {
    // A release long ago stored it so.
    const spec = { defaultEndpointToHostAction: 'RETURN' } as unknown as FelixConfiguration['spec'];
    const felix: Resource = { kind: 'FelixConfiguration', apiVersion, metadata: { name: 'default' }, spec };
    expect(exportedResource(felix, names).spec).toEqual({ defaultEndpointToHostAction: 'Return' });
  });

  it("is not one of Kubernetes' own policies", () => {
    const policy = (name: string): Resource => ({ kind: 'NetworkPolicy', apiVersion, metadata: { name }, spec: {} });
    expect([policy('knp.default.x'), policy('x'), node('n', 'k8s')].map(isExported)).toEqual([false, true, true]);
  });
});

describe('the names that nodes get', () => {
  it('are those in Kubernetes, of every node', () => {
    expect([...kubernetesNames([node('a', 'k8s')])]).toEqual([['a', 'k-a']]);
    expect(() => kubernetesNames([node('a', 'k8s'), node('b', 'mesos')])).toThrow("node b missing a 'k8s'");
  });
});

describe('a dump of IPAM', () => {
  const dump: IpamDump = {
    affinities: [
      { key: '/calico/ipam/v2/host/n1/ipv4/block/10.0.0.0-30', value: '{"state":"confirmed","deleted":false}' },
      { key: '/calico/ipam/v2/virtual/n1/ipv4/block/10.0.0.4-30', value: '' },
    ],
    blocks: [
      {
        key: '/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30',
        value:
          '{"cidr":"10.0.0.0/30","affinity":"host:n1","allocations":[0,1,null,null],"unallocated":[2,3],"attributes":[{"handle_id":"vxlan-v6-tunnel-addr-n1"},{"handle_id":"net.n1","secondary":{"node":"n1"}}],"sequenceNumber":18446744073709551615,"sequenceNumberForAllocation":{"0":3},"deleted":false}',
      },
    ],
    handles: [
      { key: '/calico/ipam/v2/handle/wireguard-tunnel-addr-n1', value: '{"block":{"10.0.0.0/30":1},"deleted":false}' },
    ],
    config: { key: '/calico/ipam/v2/config', value: '{"auto_allocate_blocks":true}' },
  };

  it('is renamed wherever it names a node, and nowhere else', () => {
    const renamed = renamedDump(dump, names);
    expect(renamed.affinities.map(({ key }) => key)).toEqual([
      '/calico/ipam/v2/host/k1/ipv4/block/10.0.0.0-30',
      '/calico/ipam/v2/virtual/n1/ipv4/block/10.0.0.4-30',
    ]);
    expect(renamed.handles[0]?.key).toBe('/calico/ipam/v2/handle/wireguard-tunnel-addr-k1');
    expect(renamed.blocks[0]?.value).toBe(
      dump.blocks[0]?.value
        .replace('host:n1', 'host:k1')
        .replace('addr-n1', 'addr-k1')
        .replace('"node":"n1"', '"node":"k1"'),
    );
  });

  it('reads back what it wrote', () => {
    const same = renamedDump(dump, new Map());
    expect(parseDump(renderDump(same))).toEqual(same);
    expect(dumpSize(same)).toBe(5);
    const empty: IpamDump = { affinities: [], blocks: [], handles: [], config: undefined };
    expect(renderDump(empty)).toBe('{}');
    expect(parseDump('{}')).toEqual(empty);
  });

  it.each([
    '[]',
    '{"blocks":{}}',
    '{"handles":[{"Value":{}}]}',
    '{"handles":[{"Key":"/calico/x","Value":{"block":{},"deleted":false}}]}',
    '{"block_affinities":[{"Key":"/calico/x","Value":{"state":"confirmed","deleted":false}}]}',
  ])('is not %s', (text) => {
    expect(() => parseDump(text)).toThrow(SyntaxError);
  });
});

it('takes a file of three parts for an export, and no other', () => {
  expect(splitExport('a\n===\nb\n===\nc\n')).toEqual({ resources: 'a\n', cluster: 'b\n', ipam: 'c\n' });
  expect(splitExport('a\n===\nb\n')).toBeUndefined();
  expect(splitExport('a\n===\nb\n===\nc\n===\n')).toBeUndefined();
});

describe('the resources of an export', () => {
  const list = (spec: string): string => `apiVersion: projectcalico.org/v3
items:
- apiVersion: projectcalico.org/v3
  kind: GlobalNetworkPolicy
  metadata:
    creationTimestamp: null
    name: foo
  spec:
    ${spec}
kind: GlobalNetworkPolicyList
metadata:
  resourceVersion: "123"
---
apiVersion: projectcalico.org/v3
items: []
kind: BGPPeerList
metadata:
  resourceVersion: "124"
---
`;

  it('are read in the form of older releases', () => {
    const { resources, problems } = parseExportedResources(
      'f',
      list('egress: [{action: Allow, source: {}, destination: {}}]'),
    );
    expect(problems).toEqual([]);
    expect(resources).toMatchObject([
      { kind: 'GlobalNetworkPolicy', metadata: { name: 'foo' }, spec: { types: ['Egress'] } },
    ]);
  });

  it('are refused with the line of each problem', () => {
    const { problems } = parseExportedResources('f', list('selector: "("'));
    expect(problems).toEqual([expect.stringMatching(/^f:9: spec\.selector: /)]);
    expect(parseExportedResources('f', 'a: [').problems).toEqual([expect.stringMatching(/^f:\d+: /)]);
  });
});
