import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kinds } from './kinds/kind-names.ts';
import { decodeResource, encodeResource, parseResource } from './resource-codec.ts';
import { document } from './testing/documents.ts';
import { ValidationError } from './validation-error.ts';

describe('what older releases stored', () => {
  it('is a policy under its prefixed name, without tier, label or annotation', () => {
    const stored =
      '{"kind":"NetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"default.web","namespace":"prod",' +
      '"creationTimestamp":null},"spec":{"order":10,"ingress":[{"action":"Allow","source":{},"destination":{}}],' +
      '"selector":"all()","types":["Ingress"]}}';
    expect(decodeResource('NetworkPolicy', stored, 3n)).toEqual({
      kind: 'NetworkPolicy',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'web', namespace: 'prod', resourceVersion: '3' },
      spec: {
        order: 10,
        ingress: [{ action: 'Allow', source: {}, destination: {} }],
        selector: 'all()',
        types: ['Ingress'],
      },
    });
  });

  it.each([
    ['{"name":"default.web","annotations":{"projectcalico.org/metadata":"{\\"name\\":\\"web\\"}"}}', 'default', 'web'],
    [
      '{"name":"default.web","annotations":{"projectcalico.org/metadata":"{\\"name\\":\\"default.web\\"}"}}',
      'default',
      'default.web',
    ],
    ['{"name":"default.web","annotations":{"projectcalico.org/metadata":"rubbish"}}', '', 'web'],
    ['{"name":"default.web"}', 'default', 'web'],
    ['{"name":"default.web"}', 'other', 'default.web'],
    ['{"name":"knp.default.web"}', '', 'knp.default.web'],
    ['{"name":"web"}', '', 'web'],
  ])('is a policy %s in tier %j called %s', (metadata, tier, name) => {
    const policy = decodeResource('GlobalNetworkPolicy', `{"metadata":${metadata},"spec":{"tier":"${tier}"}}`, 1n);
    expect(policy.metadata).toEqual({ name, resourceVersion: '1' });
  });

  it('is a policy with other annotations, which stay', () => {
    const policy = parseResource(document('GlobalNetworkPolicy', {}, { annotations: { a: 'b' } }));
    expect(policy.metadata.annotations).toEqual({ a: 'b' });
    const stored = encodeResource(policy);
    expect(stored).toContain('"annotations":{"a":"b","projectcalico.org/metadata":"{\\"name\\":\\"default\\"}"}');
    expect(decodeResource('GlobalNetworkPolicy', stored, 1n).metadata.annotations).toEqual({ a: 'b' });
  });

  it('is a pool without the newer fields, or with the fields of calico-upgrade', () => {
    const pool = decodeResource('IPPool', '{"metadata":{"name":"p"},"spec":{"cidr":"fd00::/48"}}', 1n);
    expect(pool.spec).toEqual({
      cidr: 'fd00::/48',
      vxlanMode: 'Never',
      ipipMode: 'Never',
      blockSize: 122,
      nodeSelector: 'all()',
      allowedUses: ['Workload', 'Tunnel'],
      assignmentMode: 'Automatic',
    });
    const upgraded =
      '{"metadata":{"name":"p"},"spec":{"cidr":"10.0.0.0/8","nat-outgoing":true,"ipip":{"enabled":true,"mode":"cross-subnet"}}}';
    expect(decodeResource('IPPool', upgraded, 1n).spec).toMatchObject({ ipipMode: 'CrossSubnet', natOutgoing: true });
  });

  it('is a tier without an order', () => {
    expect(decodeResource('Tier', '{"metadata":{"name":"t"},"spec":{}}', 1n).spec.order).toBe(1_000_000);
  });

  it('is read although today\u2019s rules would refuse it, with unknown fields and values', () => {
    const stored =
      '{"metadata":{"name":"UPPER"},"spec":{"bgp":{},"somethingNew":1,"vxlanTunnelMACAddr":"not a MAC"},"later":{}}';
    expect(decodeResource('Node', stored, 1n).spec).toEqual({ bgp: {}, vxlanTunnelMACAddr: 'not a MAC' });
    const peer = decodeResource('BGPPeer', '{"metadata":{"name":"p"},"spec":{"nextHopMode":"NotYetKnown"}}', 1n);
    expect(peer.spec.nextHopMode).toBe('NotYetKnown');
  });
});

describe('decodeResource', () => {
  it.each([
    '',
    'null',
    '[]',
    '5',
    '{"metadata":5}',
    '{"metadata":{"name":5},"spec":{}}',
    '{"metadata":{},"spec":{"nets":"x"}}',
  ])('refuses %j', (text) => {
    expect(() => decodeResource('NetworkSet', text, 1n)).toThrow(ValidationError);
  });

  it('says where a value is of a wrong type', () => {
    const stored = '{"metadata":{"name":"p"},"spec":{"ingress":[{"action":"Allow","source":{"ports":[true]}}]}}';
    expect(() => decodeResource('Profile', stored, 1n)).toThrow('spec.ingress[0].source.ports[0]');
  });

  it('throws nothing but ValidationError for any JSON, and writes what it read', () => {
    const keys = fc.constantFrom(
      'metadata',
      'spec',
      'status',
      'name',
      'labels',
      'ingress',
      'nets',
      'bgp',
      'order',
      'cidr',
      '__proto__',
    );
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, 0, -1, 1.5, '', 'x'),
        fc.array(tie('value'), { maxLength: 2 }),
        tie('object'),
      ),
      object: fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
    })).object;
    fc.assert(
      fc.property(fc.constantFrom(...kinds), json, (kind, value) => {
        try {
          const resource = decodeResource(kind, JSON.stringify(value), 1n);
          const stored = encodeResource(resource);
          expect(encodeResource(decodeResource(kind, stored, 1n))).toBe(stored);
        } catch (error) {
          expect(error).toBeInstanceOf(ValidationError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('parseResource', () => {
  it('throws nothing but ValidationError for any value', () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.jsonValue(), fc.jsonValue(), (kind, spec, metadata) => {
        try {
          parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata, spec });
        } catch (error) {
          expect(error).toBeInstanceOf(ValidationError);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same resource when it is parsed again', () => {
    const once = parseResource(document('NetworkPolicy', { egress: [{ action: 'Allow' }] }));
    expect(parseResource(once)).toEqual(once);
  });

  it('writes the canonical spelling of a pool\u2019s network', () => {
    expect(parseResource(document('IPPool', { cidr: 'FD00:0:0::/48' })).spec).toMatchObject({ cidr: 'fd00::/48' });
  });

  it('lets the old load-balancing switch of Felix decide the new fields', () => {
    const { spec } = parseResource(document('FelixConfiguration', { bpfConnectTimeLoadBalancingEnabled: true }));
    expect(spec).toMatchObject({ bpfConnectTimeLoadBalancing: 'Enabled', bpfHostNetworkedNATWithoutCTLB: 'Disabled' });
  });

  it('keeps an annotation called __proto__ as data', () => {
    const annotations: unknown = JSON.parse('{"x/__proto__":"1","constructor":"2"}');
    const problems = (): unknown =>
      parseResource(document('GlobalNetworkSet', {}, { annotations })).metadata.annotations;
    expect(problems).toThrow(ValidationError);
    const labels: unknown = JSON.parse('{"constructor":"2"}');
    expect(parseResource(document('GlobalNetworkSet', {}, { labels })).metadata.labels).toEqual({ constructor: '2' });
  });
});
