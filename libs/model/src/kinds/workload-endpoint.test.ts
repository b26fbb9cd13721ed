import { describe, expect, it } from 'vitest';
import { encodeResource, parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, specOf, type Subject } from '../testing/rules.ts';

const spec = {
  orchestrator: 'cni',
  node: 'n1',
  containerID: 'abc',
  endpoint: 'eth0',
  interfaceName: 'cali1',
  ipNetworks: ['10.0.0.1/32'],
};
const endpoint = specOf('WorkloadEndpoint', spec, { name: 'n1-cni-abc-eth0' });

function within(field: 'ports' | 'ipNATs' | 'qosControls', base: object): Subject {
  return {
    document: (given) => {
      const value = { ...base, ...given };
      return endpoint.document({ [field]: field === 'qosControls' ? value : [value] });
    },
    path: field === 'qosControls' ? 'spec.qosControls' : `spec.${field}[0]`,
  };
}

const port = within('ports', { name: 'http', protocol: 'TCP', port: 80 });
const nat = within('ipNATs', { internalIP: '10.0.0.1', externalIP: '192.0.2.1' });

describe('WorkloadEndpoint', () => {
  describeRules(endpoint, {
    'an address is a /32 or /128': {
      accepts: [
        { ipNetworks: ['10.0.0.1/32', 'fd00::1/128'] },
        { ipNetworks: ['10.0.0.1', 'fd00::1'] },
        { ipNetworks: [] },
      ],
      refuses: [
        [{ ipNetworks: ['10.0.0.0/31'] }, ['ipNetworks[0]']],
        [{ ipNetworks: ['10.0.0.1/32', 'fd00::/64'] }, ['ipNetworks[1]']],
        [{ ipNetworks: ['x'] }, ['ipNetworks[0]']],
      ],
    },
    'orchestrator, node, endpoint and interfaceName are required': {
      accepts: [{}],
      refuses: [
        [{ orchestrator: undefined }, ['orchestrator']],
        [{ node: undefined }, ['node']],
        [{ endpoint: undefined }, ['endpoint']],
        [{ interfaceName: undefined }, ['interfaceName']],
      ],
    },
    'the spec names the endpoint': {
      accepts: [{ containerID: 'abc' }],
      refuses: [
        [{ containerID: undefined }, ['']],
        [{ containerID: 'other' }, ['/metadata.name']],
        [{ node: 'n2' }, ['/metadata.name']],
      ],
    },
  });

  describeFields(endpoint, {
    interfaceName: [
      ['cali1', 'a_b.c-d'],
      ['', 'sixteen-letters-', 'a/b'],
    ],
    mac: [
      ['ee:ee:ee:ee:ee:ee', 'EE-EE-EE-EE-EE-EE', ''],
      ['x', 'ee:ee:ee'],
    ],
    ipv4Gateway: [
      ['169.254.1.1', ''],
      ['fd00::1', 'x', '10.0.0.1/24'],
    ],
    ipv6Gateway: [['fe80::1', ''], ['10.0.0.1']],
    allowSpoofedSourcePrefixes: [[['10.0.0.0/8', 'fd00::/8', '10.0.0.1']], [['10.0.0.1/8'], ['x']]],
    profiles: [[['kns.default'], []], ['kns.default']],
    serviceAccountName: [['default', ''], [1]],
  });

  it.each([
    ['a', 'aB9-x', true],
    ['a dash at the start', '-a', false],
    ['a dot', 'a.b', false],
    ['an underscore', 'a_b', false],
  ])('has a container ID of letters, digits and dashes: %s', (_what, containerID, isValid) => {
    const name = `n1-cni-${containerID.replaceAll('-', '--')}-eth0`;
    const parse = () =>
      parseResource(
        document(
          'WorkloadEndpoint',
          { ...spec, containerID },
          { name: name.toLowerCase() === name ? name : undefined },
        ),
      );
    if (isValid && name.toLowerCase() === name) expect(parse).not.toThrow();
    else expect(parse).toThrow(isValid ? 'metadata.name' : /containerID|spec/);
  });

  describeRules(nat, {
    'both addresses are required': {
      accepts: [{}],
      refuses: [
        [{ internalIP: undefined }, ['internalIP']],
        [{ externalIP: undefined }, ['externalIP']],
      ],
    },
    'both addresses are of one IP version': {
      accepts: [{ externalIP: '192.0.2.9' }],
      refuses: [[{ externalIP: 'fd00::1' }, ['externalIP']]],
    },
    'the internal address is one of the endpoint\u2019s': {
      accepts: [{ internalIP: '10.0.0.1' }],
      refuses: [[{ internalIP: '10.0.0.2' }, ['internalIP']]],
    },
  });

  describeRules(port, {
    'a name is required where there is no hostPort': {
      accepts: [
        { name: '', hostPort: 8080 },
        { name: undefined, hostPort: 8080 },
        { name: 'http', hostPort: 0 },
      ],
      refuses: [
        [{ name: '' }, ['name']],
        [{ name: undefined }, ['name']],
        [{ name: '', hostPort: 0 }, ['name']],
      ],
    },
  });

  describeFields(port, {
    name: [
      ['http', 'a-b'],
      ['a--b', '123', 'UPPER'],
    ],
    protocol: [
      ['TCP', 'UDP', 'SCTP', 6, 17, 132],
      ['ICMP', 'UDPLite', 47, undefined],
    ],
    port: [
      [1, 65535],
      [0, 65536, undefined],
    ],
    hostPort: [
      [0, 65535],
      [-1, 65536],
    ],
    hostIP: [['10.0.0.1', 'fd00::1', ''], ['x']],
  });

  describeFields(within('qosControls', {}), {
    ...Object.fromEntries(
      ['ingress', 'egress'].flatMap((way) =>
        ['Bandwidth', 'Burst', 'Peakrate', 'Minburst', 'PacketRate', 'PacketBurst', 'MaxConnections'].map((what) => [
          way + what,
          [
            [0, 1e15],
            [-1, 1.5, '1k'],
          ],
        ]),
      ),
    ),
    dscp: [
      [0, 63, 'DF', 'EF', 'AF11', 'AF43', 'CS0', 'CS7'],
      [-1, 64, 'AF14', 'AF51', 'CS8', '64', '', true],
    ],
  });

  it('takes its name from its spec, and labels from namespace and orchestrator', () => {
    const { metadata } = parseResource(document('WorkloadEndpoint', spec, { name: undefined }));
    expect(metadata.name).toBe('n1-cni-abc-eth0');
    expect(metadata.labels).toEqual({ 'projectcalico.org/namespace': 'prod', 'projectcalico.org/orchestrator': 'cni' });
  });

  it('reads a code point in any letters, and in digits', () => {
    const stored = (dscp: unknown) =>
      parseResource(document('WorkloadEndpoint', { ...spec, qosControls: { dscp } }, { name: undefined }));
    expect(encodeResource(stored('ef'))).toContain('"dscp":"EF"');
    expect(encodeResource(stored('20'))).toContain('"dscp":20');
  });

  it('always prints hostPort, hostIP and name of a port', () => {
    const parsed = parseResource(
      document('WorkloadEndpoint', { ...spec, ports: [{ name: 'a', protocol: 'TCP', port: 1 }] }, { name: undefined }),
    );
    expect(encodeResource(parsed)).toContain(
      '"ports":[{"name":"a","protocol":"TCP","port":1,"hostPort":0,"hostIP":""}]',
    );
  });
});
