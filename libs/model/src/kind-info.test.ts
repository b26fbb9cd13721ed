import { describe, expect, it } from 'vitest';
import { kindInfo } from './kind-info.ts';
import type { Kind } from './kinds/kind-names.ts';
import { parseResource } from './resource-codec.ts';
import { document } from './testing/documents.ts';

/** The wide row that calicoctl shows of a document. */
function row(kind: Kind, spec: object, metadata: object = {}): readonly (string | undefined)[] {
  const { columns, wideColumns } = kindInfo(kind);
  const resource = parseResource(document(kind, spec, metadata));
  return wideColumns.map((heading) => columns[heading]?.(resource, { asNumber: 64512 }));
}

describe('cells', () => {
  it.each<[Kind, object, string[]]>([
    [
      'IPPool',
      { cidr: '10.0.0.0/8' },
      ['default', '10.0.0.0/8', 'false', 'Never', 'Never', 'false', 'false', 'all()', 'Automatic'],
    ],
    ['Node', { bgp: { ipv4Address: '10.0.0.1/24' } }, ['default', '(64512)', '10.0.0.1/24', '']],
    ['Node', { bgp: { asNumber: 65000 } }, ['default', '65000', '', '']],
    ['Node', {}, ['default', '', '', '']],
    ['GlobalNetworkPolicy', { order: 1500000, selector: 'all()' }, ['default', 'default', '1.5e+06', 'all()']],
    ['GlobalNetworkPolicy', {}, ['default', 'default', '<nil>', '']],
    ['NetworkPolicy', { order: 0.5, tier: 'x' }, ['default', 'x', '0.5', '']],
    ['BGPConfiguration', {}, ['default', 'Info', '-', '-']],
    ['BGPConfiguration', { nodeToNodeMeshEnabled: false, asNumber: 1 }, ['default', 'Info', 'false', '1']],
    ['BGPPeer', { peerIP: '192.0.2.1', asNumber: 1 }, ['default', '192.0.2.1', '(global)', '1']],
    ['BGPPeer', { nodeSelector: 'all()' }, ['default', '', 'all()', '0']],
    ['ClusterInformation', { clusterType: 'bgp' }, ['default', '', 'bgp', '', '<nil>']],
    ['HostEndpoint', { node: 'n', expectedIPs: ['1.2.3.4', '::1'] }, ['default', 'n', '', '1.2.3.4,::1', '']],
    ['Profile', { labelsToApply: { a: 'b' } }, ['default', 'a=b']],
    ['Tier', {}, ['default', '1e+06']],
    [
      'CalicoNodeStatus',
      { node: 'n', updatePeriodSeconds: 1, classes: ['BGP', 'Agent'] },
      ['default', 'n', 'BGP,Agent'],
    ],
    ['IPAMConfiguration', {}, ['default', 'false', 'true', '0']],
    ['BGPFilter', { exportV4: [{ action: 'Accept' }] }, ['default', '1', '0', '0', '0']],
    ['StagedKubernetesNetworkPolicy', { podSelector: { matchLabels: { a: 'b' } } }, ['default', '{map[a:b] []}']],
  ])('of %s %j', (kind, spec, cells) => {
    expect(row(kind, spec)).toEqual(cells);
  });

  it('of a workload endpoint', () => {
    const spec = {
      orchestrator: 'k8s',
      node: 'n1',
      pod: 'web-0',
      endpoint: 'eth0',
      interfaceName: 'cali1',
      ipNetworks: ['10.0.0.1/32', 'fd00::1/128'],
      ipNATs: [{ internalIP: '10.0.0.1', externalIP: '192.0.2.1' }],
    };
    expect(row('WorkloadEndpoint', spec, { name: '' })).toEqual([
      'n1-k8s-web--0-eth0',
      'web-0',
      'n1',
      '10.0.0.1/32,fd00::1/128',
      'cali1',
      '',
      '{10.0.0.1 192.0.2.1}',
    ]);
  });

  it('cuts long lists of networks', () => {
    const nets = Array.from({ length: 20 }, (_, index) => `10.0.${index}.0/24`);
    const [, cell = ''] = row('GlobalNetworkSet', { nets });
    expect(cell).toHaveLength(80);
    expect(cell.endsWith('...')).toBe(true);
  });
});
