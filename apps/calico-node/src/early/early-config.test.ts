import { describe, expect, test } from 'vitest';
import { EarlyConfigError, parseEarlyConfig } from './early-config.ts';

const rack = `
apiVersion: projectcalico.org/v3
kind: EarlyNetworkConfiguration
spec:
  nodes:
    - interfaceAddresses: [172.31.11.3, 172.31.12.3]
      stableAddress: { address: 172.31.10.3 }
      asNumber: 65001
      peerings:
        - peerIP: 172.31.11.1
        - { peerIP: 172.31.12.1, peerASNumber: 65012 }
      labels: { rack: ra }
`;

function problemsOf(text: string): readonly string[] {
  try {
    parseEarlyConfig(text);
  } catch (error) {
    if (error instanceof EarlyConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('an EarlyNetworkConfiguration', () => {
  test('gives each node its addresses, AS number, ToRs and labels', () => {
    expect(parseEarlyConfig(rack)).toEqual({
      nodes: [
        {
          interfaceAddresses: ['172.31.11.3', '172.31.12.3'],
          stableAddress: '172.31.10.3',
          asNumber: 65001,
          peerings: [
            { peer: '172.31.11.1', asNumber: 65001 },
            { peer: '172.31.12.1', asNumber: 65012 },
          ],
          labels: { rack: 'ra' },
        },
      ],
      isOpenShift: false,
      isNodeFromDefaultRoute: false,
      forcesDefaultRoute: false,
    });
  });

  test.each(['nodeIPFromDefaultRoute', 'nodeAddressIPDetection'])('has %s among its legacy switches', (name) => {
    const legacy = `  legacy: { ${name}: true, unconditionalDefaultRouteProgramming: true }\n`;
    expect(parseEarlyConfig(`${rack}  platform: OpenShift\n${legacy}`)).toMatchObject({
      isOpenShift: true,
      isNodeFromDefaultRoute: true,
      forcesDefaultRoute: true,
    });
  });

  test.each([
    ['172.31.10.3', 'fd00::3', 'spec.nodes[0].stableAddress.address is "fd00::3": must be an IPv4 address'],
    [
      '172.31.10.3',
      '172.31.11.3',
      'spec.nodes[0].stableAddress.address is "172.31.11.3": must be none of interfaceAddresses',
    ],
    ['65001', '0', 'spec.nodes[0].asNumber is 0: must be an AS number, 1 to 4294967295'],
    ['65012', 'many', 'spec.nodes[0].peerings[1].peerASNumber is "many": must be an AS number, 1 to 4294967295'],
    ['peerIP: 172.31.11.1', 'peerIP: tor', 'spec.nodes[0].peerings[0].peerIP is "tor": must be an IPv4 address'],
    [
      '172.31.12.1,',
      '172.31.11.1,',
      'spec.nodes[0].peerings is "172.31.11.1": must be peerings with different addresses',
    ],
    ['rack: ra', 'rack: [ra]', 'spec.nodes[0].labels.rack is ["ra"]: must be a label\'s value'],
    ['asNumber: 65001', 'asnumber: 65001', 'spec.nodes[0].asNumber is missing: must be an AS number'],
    [
      'asNumber: 65001',
      'asNumber: 65001\n      bfd: true',
      'spec.nodes[0].bfd is true: must be absent; spec.nodes[0] has',
    ],
    ['kind: EarlyNetworkConfiguration', 'kind: BGPPeer', 'kind is "BGPPeer": must be EarlyNetworkConfiguration'],
    ['spec:', 'spec:\n  platform: mars', 'spec.platform is "mars": must be openshift, or absent'],
    [
      'spec:',
      'spec:\n  legacy: { nodeIPFromDefaultRoute: 1 }',
      'spec.legacy.nodeIPFromDefaultRoute is 1: must be true',
    ],
    ['spec:', 'spec: [', 'not YAML: '],
  ])('with %j as %j is refused with place, value and what is allowed', (from, to, problem) => {
    expect(problemsOf(rack.replace(from, to)).join('\n')).toContain(problem);
  });

  test('names everything that is wrong at once', () => {
    expect(problemsOf('kind: EarlyNetworkConfiguration\nspec: { nodes: [{}] }')).toHaveLength(5);
    expect(problemsOf('')).toHaveLength(4);
  });

  test('refuses two nodes with one address', () => {
    const twice = rack + rack.slice(rack.indexOf('    - interfaceAddresses')).replace('172.31.10.3', '172.31.10.4');
    expect(problemsOf(twice)).toContain('spec.nodes[1] is "172.31.11.3": must be without an address of spec.nodes[0]');
  });
});
