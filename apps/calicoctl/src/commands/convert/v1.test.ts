import { parseResource } from '@calico-node/model';
import { parseCidr, parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convertV1 } from './v1-kinds.ts';
import {
  addressName,
  convertName,
  convertNameWithoutDots,
  convertNodeName,
  convertProfileName,
  networkName,
} from './v1-names.ts';

function converted(kind: string, metadata: object, spec: object = {}): unknown {
  const result = convertV1({ apiVersion: 'v1', kind, metadata, spec });
  if ('problems' in result)
    throw new Error(result.problems.map(({ path, message }) => `${path}: ${message}`).join('; '));
  const document = JSON.parse(JSON.stringify(result.document)) as { kind: string; metadata: object };
  expect(() => parseResource(document)).not.toThrow();
  return document;
}

function problems(input: unknown): readonly string[] {
  const result = convertV1(input);
  return 'problems' in result ? result.problems.map(({ path, message }) => `${path}: ${message}`) : [];
}

describe('names', () => {
  it('are made lower case, and plain', () => {
    expect(convertNodeName('Node_1.Example/x-')).toBe('node-1.example.x');
    expect(convertNodeName('-.a-.-b.-')).toBe('a.b');
    expect(convertName('plain.name-1')).toBe('plain.name-1');
    expect(convertName('MyPolicy')).toMatch(/^mypolicy-[0-9a-f]{8}$/);
    expect(convertNameWithoutDots('a.b')).toMatch(/^a-b-[0-9a-f]{8}$/);
    expect(convertProfileName('k8s_ns.kube-system')).toBe('kns.kube-system');
  });

  it('that differ stay different', () => {
    expect(convertName('Web')).not.toBe(convertName('wEB'));
    expect(convertName('Web')).toBe('web-a8323a2a');
  });

  it('of addresses and networks hold all of them', () => {
    expect(addressName(parseIp('10.0.0.1'))).toBe('10-0-0-1');
    expect(addressName(parseIp('aa:bb::1'))).toBe('00aa-00bb-0000-0000-0000-0000-0000-0001');
    expect(networkName(parseCidr('10.0.0.0/16'))).toBe('10-0-0-0-16');
    expect(networkName(parseCidr('fd00::/64'))).toBe('fd00---64');
  });
});

describe('a v1 resource', () => {
  it('that is a bgpPeer becomes a BGPPeer', () => {
    expect(converted('bgpPeer', { scope: 'global', peerIP: '10.0.0.1' }, { asNumber: 64512 })).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'BGPPeer',
      metadata: { name: '10-0-0-1' },
      spec: { peerIP: '10.0.0.1', asNumber: 64512 },
    });
    expect(converted('bgpPeer', { scope: 'node', node: 'Node_1', peerIP: 'aa::1' }, { asNumber: '1.1' })).toMatchObject(
      {
        metadata: { name: 'node-1.00aa-0000-0000-0000-0000-0000-0000-0001' },
        spec: { node: 'node-1', peerIP: 'aa::1', asNumber: 65537 },
      },
    );
  });

  it('that is a hostEndpoint is named after its node', () => {
    expect(
      converted(
        'hostEndpoint',
        { name: 'eth0', node: 'n1', labels: { a: 'b' } },
        {
          interfaceName: 'eth0',
          expectedIPs: ['aa::1', '10.0.0.1'],
          profiles: ['k8s_ns.x', 'p'],
          ports: [{ name: 'web', protocol: 'tcp', port: 80 }],
        },
      ),
    ).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'HostEndpoint',
      metadata: { name: 'n1.eth0', labels: { a: 'b' } },
      spec: {
        node: 'n1',
        interfaceName: 'eth0',
        expectedIPs: ['10.0.0.1', 'aa::1'],
        profiles: ['kns.x', 'p'],
        ports: [{ name: 'web', protocol: 'TCP', port: 80 }],
      },
    });
  });

  it.each([
    [{ ipip: { enabled: true } }, 'Always'],
    [{ ipip: { enabled: true, mode: 'cross-subnet' } }, 'CrossSubnet'],
    [{ ipip: { enabled: false, mode: 'always' } }, 'Never'],
    [{}, 'Never'],
  ])('that is an ipPool with %j has its tunnel', (spec, ipipMode) => {
    expect(converted('ipPool', { cidr: '10.0.0.0/16' }, { ...spec, 'nat-outgoing': true })).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'IPPool',
      metadata: { name: '10-0-0-0-16' },
      spec: { cidr: '10.0.0.0/16', ipipMode, natOutgoing: true, blockSize: 26, nodeSelector: 'all()' },
    });
  });

  it('that is an IPv6 ipPool has larger blocks', () => {
    expect(converted('ipPool', { cidr: 'fd00::1/64' })).toMatchObject({ spec: { cidr: 'fd00::/64', blockSize: 122 } });
  });

  it('that is a node keeps its addresses with their networks', () => {
    const bgp = { asNumber: 64600, ipv4Address: '10.0.0.1/24', ipv6Address: 'aa::1' };
    const orchRefs = [{ nodeName: 'k1', orchestrator: 'k8s' }];
    expect(converted('node', { name: 'N1' }, { bgp, orchRefs })).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'Node',
      metadata: { name: 'n1' },
      spec: { bgp: { ...bgp, ipv6Address: 'aa::1/128' }, orchRefs },
    });
  });

  it('that is a policy becomes a GlobalNetworkPolicy, with tags as labels', () => {
    expect(
      converted(
        'policy',
        { name: 'Allow.x', annotations: { a: 'b' } },
        {
          order: 10,
          selector: "calico/k8s_ns == 'a'",
          ingress: [
            {
              action: 'allow',
              protocol: 'tcp',
              source: {
                tag: 't',
                selector: "has(calico/k8s_ns) || a == 'b'",
                net: '10.0.0.1/8',
                nets: ['10.1.0.0/16'],
              },
              destination: { ports: [80, '90:99', 'web'], notTag: 'u', notNet: '10.2.0.0/16' },
            },
            { action: 'next-tier', notProtocol: 'icmp' },
            { action: 'deny', protocol: 'icmp', icmp: { type: 8, code: 0 } },
          ],
        },
      ),
    ).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'GlobalNetworkPolicy',
      metadata: { name: expect.stringMatching(/^allow-x-[0-9a-f]{8}$/) as string, annotations: { a: 'b' } },
      spec: {
        order: 10,
        selector: "projectcalico.org/namespace == 'a'",
        types: ['Ingress'],
        ingress: [
          {
            action: 'Allow',
            protocol: 'TCP',
            source: {
              nets: ['10.1.0.0/16', '10.0.0.0/8'],
              selector: "(has(projectcalico.org/namespace) || a == 'b') && t == ''",
            },
            destination: { ports: [80, '90:99', 'web'], notNets: ['10.2.0.0/16'], notSelector: "u == ''" },
          },
          { action: 'Pass', notProtocol: 'ICMP' },
          { action: 'Deny', protocol: 'ICMP', icmp: { type: 8, code: 0 } },
        ],
      },
    });
  });

  it.each([
    [{ egress: [{ action: 'allow' }] }, { types: ['Egress'] }],
    [{ egress: [{ action: 'allow' }], ingress: [{ action: 'deny' }] }, { types: ['Ingress', 'Egress'] }],
    [{ types: ['egress'] }, { types: ['Egress'] }],
    [{ doNotTrack: true }, { doNotTrack: true, applyOnForward: true }],
    [{ preDNAT: true }, { preDNAT: true, applyOnForward: true, types: ['Ingress'] }],
  ])('that is a policy with %j applies to the same traffic', (spec, expected) => {
    expect(converted('policy', { name: 'p' }, spec)).toMatchObject({ spec: expected });
  });

  it('that is a profile gives its tags as labels', () => {
    expect(
      converted('profile', { name: 'k8s_ns.a', tags: ['t'], labels: { l: 'v' } }, { egress: [{ action: 'allow' }] }),
    ).toEqual({
      apiVersion: 'projectcalico.org/v3',
      kind: 'Profile',
      metadata: { name: 'kns.a' },
      spec: { egress: [{ action: 'Allow' }], labelsToApply: { l: 'v', t: '' } },
    });
  });

  it.each([
    ['k8s', 'prod.web.0', 'n1-k8s-web.0-eth0', { pod: 'web.0', containerID: 'c1' }, 'prod'],
    ['cni', 'abc', 'n1-cni-abc-eth0', { containerID: 'abc' }, 'default'],
    ['libnetwork', 'libnetwork', 'n1-libnetwork-libnetwork-eth0', { workload: 'libnetwork' }, 'default'],
    ['openstack', 'w-1', 'n1-openstack-w--1-eth0', { workload: 'w-1' }, 'default'],
  ])(
    'that is a workloadEndpoint of %s is named after what it is',
    (orchestrator, workload, name, identity, namespace) => {
      const labels = { 'calico/k8s_ns': namespace, a: 'b' };
      expect(
        converted(
          'workloadEndpoint',
          { name: 'eth0', node: 'n1', orchestrator, workload, activeInstanceID: 'c1', labels },
          { interfaceName: 'cali1', ipNetworks: ['10.0.0.1/32'], mac: 'ee:ee:ee:ee:ee:ee', profiles: ['k8s_ns.a'] },
        ),
      ).toEqual({
        apiVersion: 'projectcalico.org/v3',
        kind: 'WorkloadEndpoint',
        metadata: { name, namespace, labels: { 'projectcalico.org/namespace': namespace, a: 'b' } },
        spec: {
          node: 'n1',
          orchestrator,
          endpoint: 'eth0',
          interfaceName: 'cali1',
          ipNetworks: ['10.0.0.1/32'],
          mac: 'ee:ee:ee:ee:ee:ee',
          profiles: ['kns.a'],
          ...identity,
        },
      });
    },
  );
});

describe('a problem', () => {
  it.each<[unknown, RegExp]>([
    [{ apiVersion: 'v1', kind: 'bgpConfig' }, /kind: unknown resource type \(bgpConfig\) and\/or version \(v1\)/],
    [{ apiVersion: 'projectcalico.org/v3', kind: 'Node' }, /unknown resource type \(Node\)/],
    ['text', /must be an object/],
    [{ apiVersion: 'v1', kind: 'node', metadata: { name: 'n' }, spec: { bgp: {} } }, /spec\.bgp: must have/],
    [{ apiVersion: 'v1', kind: 'node', metadata: { name: 'n', uid: 'x' } }, /metadata\.uid: is not a field/],
    [{ apiVersion: 'v1', kind: 'ipPool', metadata: { cidr: 'x' } }, /metadata\.cidr: must be a network/],
    [{ apiVersion: 'v1', kind: 'bgpPeer', metadata: { scope: 'x', peerIP: '10.0.0.1' } }, /must be global or node/],
    [{ apiVersion: 'v1', kind: 'bgpPeer', metadata: { scope: 'node', peerIP: '10.0.0.1' } }, /node: is required/],
    [
      { apiVersion: 'v1', kind: 'policy', metadata: { name: 'p' }, spec: { ingress: [{ action: 'maybe' }] } },
      /spec\.ingress\[0\]\.action: "maybe" is not known/,
    ],
    [
      { apiVersion: 'v1', kind: 'profile', metadata: { name: 'p', tags: ['t'], labels: { t: 'x' } } },
      /tag "t" and label "t" would be the same label/,
    ],
    [
      {
        apiVersion: 'v1',
        kind: 'workloadEndpoint',
        metadata: { name: 'eth0', node: 'n', orchestrator: 'k8s', workload: 'web' },
        spec: { interfaceName: 'cali1' },
      },
      /must be <namespace>\.<pod>/,
    ],
  ])('of %j is named', (input, problem) => {
    expect(problems(input).join('\n')).toMatch(problem);
  });

  it('does not hide the others', () => {
    expect(
      problems({ apiVersion: 'v1', kind: 'hostEndpoint', metadata: {}, spec: { expectedIPs: ['x', 5], extra: 1 } }),
    ).toHaveLength(5);
  });

  it('is all that any input can be', () => {
    const kinds = fc.constantFrom('bgpPeer', 'hostEndpoint', 'ipPool', 'node', 'policy', 'profile', 'workloadEndpoint');
    const fields = fc.dictionary(
      fc.constantFrom(
        'name',
        'node',
        'workload',
        'orchestrator',
        'cidr',
        'ingress',
        'bgp',
        'ports',
        'labels',
        'tags',
        'types',
      ),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(kinds, fields, fields, (kind, metadata, spec) => {
        expect(() => convertV1({ apiVersion: 'v1', kind, metadata, spec })).not.toThrow();
      }),
    );
  });
});
