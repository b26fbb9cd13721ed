import { describe, expect, it } from 'vitest';
import { document, problemPathsOf, problemsOf } from '../testing/documents.ts';
import { describeFields, describeRules, type RuleCases, type Subject } from '../testing/rules.ts';
import type { Kind } from './kind-names.ts';

function ruleOf(direction: 'ingress' | 'egress', kind: Kind = 'GlobalNetworkPolicy'): Subject {
  return {
    document: (given) => document(kind, { [direction]: [{ action: 'Allow', ...given }] }),
    path: `spec.${direction}[0]`,
  };
}

const rule = ruleOf('ingress');
const nets = (length: number): string[] => Array.from({ length }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);
const numbers = (length: number): number[] => Array.from({ length }, (_, index) => index + 1);
const ofLength = (length: number): string => `a == "${'x'.repeat(length - 7)}"`;

/** Puts every case into each end of the traffic. */
function atBothEnds({ accepts, refuses }: RuleCases): RuleCases {
  const ends = ['source', 'destination'];
  return {
    accepts: ends.flatMap((end) => accepts.map((given) => nest(end, given))),
    refuses: ends.flatMap((end) =>
      refuses.map(([given, paths]) => [nest(end, given), paths.map((path) => `${end}.${path}`)] as const),
    ),
  };
}

function nest(end: string, given: object): object {
  const { rule: around = {}, ...entity } = given as { rule?: object };
  return { ...around, [end]: entity };
}

const tcp = { rule: { protocol: 'TCP' } };

describe('a rule', () => {
  describeFields(rule, {
    action: [
      ['Allow', 'Deny', 'Log', 'Pass'],
      ['allow', 'Accept', '', undefined],
    ],
    ipVersion: [
      [4, 6],
      [0, 5, '4'],
    ],
    protocol: [
      ['TCP', 'UDP', 'ICMP', 'ICMPv6', 'SCTP', 'UDPLite', 1, 255, '6', '255'],
      ['tcp', 'Udp', 'GRE', 0, '0', 256, '256', '300', -1, 6.5, true, ''],
    ],
    notProtocol: [
      ['SCTP', 47],
      ['sctp', 0, 256],
    ],
    metadata: [
      [{}, { annotations: { anything: 'goes \u2603' } }],
      [{ annotations: { 'a b': '' } }, { annotations: { a: 'x'.repeat(256 * 1024) } }, { annotations: { a: 1 } }],
    ],
    source: [[{}], [[], { net: '10.0.0.0/8' }, 'x']],
  });

  describe('1. ports and protocols', () => {
    describeRules(rule, {
      'without a protocol, ports are named': atBothEnds({
        accepts: [{ ports: ['http'] }, { notPorts: ['http', 'dns'] }],
        refuses: [
          [{ ports: [80] }, ['ports[0]']],
          [{ notPorts: ['http', '1:2'] }, ['notPorts[1]']],
        ],
      }),
      'a protocol with ports is TCP, UDP or SCTP': atBothEnds({
        accepts: ['TCP', 'UDP', 'SCTP', 6, 17, 132, '6'].map((protocol) => ({
          rule: { protocol },
          ports: [80],
          notPorts: ['a'],
        })),
        refuses: ['ICMP', 'ICMPv6', 'UDPLite', 1, 47].map((protocol) => [
          { rule: { protocol }, ports: ['http'], notPorts: [80] },
          ['ports', 'notPorts'],
        ]),
      }),
    });
  });

  describe('2. ports', () => {
    describeRules(rule, {
      'a port is 1 to 65535': atBothEnds({
        accepts: [{ ...tcp, ports: [1, 65535, '80'] }],
        refuses: [
          [{ ...tcp, ports: [0] }, ['ports[0]']],
          [{ ...tcp, ports: [65536] }, ['ports[0]']],
          [{ ...tcp, ports: ['0'] }, ['ports[0]']],
          [{ ...tcp, ports: [-1] }, ['ports[0]']],
          [{ ...tcp, ports: [1.5] }, ['ports[0]']],
        ],
      }),
      'a range ascends': atBothEnds({
        accepts: [{ ...tcp, ports: ['1:65535', '7:7'] }],
        refuses: [
          [{ ...tcp, ports: ['5:1'] }, ['ports[0]']],
          [{ ...tcp, ports: ['0:5'] }, ['ports[0]']],
          [{ ...tcp, ports: ['1:65536'] }, ['ports[0]']],
        ],
      }),
      'a name has at most 128 letters, digits, "_", "." and "-"': atBothEnds({
        accepts: [{ ...tcp, ports: ['A_b.c-d', 'x'.repeat(128)] }],
        refuses: [
          [{ ...tcp, ports: ['a b'] }, ['ports[0]']],
          [{ ...tcp, ports: ['x'.repeat(129)] }, ['ports[0]']],
          [{ ...tcp, ports: [''] }, ['ports[0]']],
        ],
      }),
      'at most 50 ports': atBothEnds({
        accepts: [{ ...tcp, ports: numbers(50), notPorts: numbers(50) }],
        refuses: [
          [{ ...tcp, ports: numbers(51) }, ['ports']],
          [{ ...tcp, notPorts: numbers(51) }, ['notPorts']],
        ],
      }),
    });
  });

  describe('3. ICMP', () => {
    describeRules(rule, {
      'icmp needs protocol ICMP or ICMPv6': {
        accepts: ['ICMP', 'ICMPv6', 1, 58].map((protocol) => ({ protocol, icmp: { type: 8 } })),
        refuses: [
          [{ icmp: { type: 8 } }, ['icmp']],
          [{ protocol: 'TCP', icmp: { type: 8 } }, ['icmp']],
          [{ protocol: 6, icmp: {} }, ['icmp']],
        ],
      },
      'notICMP needs protocol ICMP or ICMPv6, or none': {
        accepts: [
          { protocol: 'ICMP', notICMP: { type: 8 } },
          { protocol: 58, notICMP: { type: 8, code: 0 } },
          { notICMP: { type: 8 } },
        ],
        refuses: [[{ protocol: 'TCP', notICMP: { type: 8 } }, ['notICMP']]],
      },
      'a type is 0 to 254': {
        accepts: [
          { protocol: 'ICMP', icmp: { type: 0 } },
          { protocol: 'ICMP', icmp: { type: 254 } },
        ],
        refuses: [
          [{ protocol: 'ICMP', icmp: { type: 255 } }, ['icmp.type']],
          [{ protocol: 'ICMP', notICMP: { type: -1 } }, ['notICMP.type']],
        ],
      },
      'a code is 0 to 255': {
        accepts: [
          { protocol: 'ICMP', icmp: { type: 3, code: 0 } },
          { protocol: 'ICMP', icmp: { type: 3, code: 255 } },
        ],
        refuses: [
          [{ protocol: 'ICMP', icmp: { type: 3, code: 256 } }, ['icmp.code']],
          [{ protocol: 'ICMP', icmp: { type: 3, code: -1 } }, ['icmp.code']],
        ],
      },
      'a code needs a type': {
        accepts: [{ protocol: 'ICMP', icmp: { type: 3, code: 1 } }],
        refuses: [
          [{ protocol: 'ICMP', icmp: { code: 1 } }, ['icmp.code']],
          [{ protocol: 'ICMP', notICMP: { code: 1 } }, ['notICMP.code']],
        ],
      },
    });
  });

  describe('4. IP version', () => {
    describeRules(rule, {
      'ICMP is IPv4': {
        accepts: [{ protocol: 'ICMP' }, { protocol: 1, ipVersion: 4 }, { notProtocol: 'ICMP', ipVersion: 4 }],
        refuses: [
          [{ protocol: 'ICMP', ipVersion: 6 }, ['protocol']],
          [{ notProtocol: 1, ipVersion: 6 }, ['notProtocol']],
        ],
      },
      'ICMPv6 is IPv6': {
        accepts: [{ protocol: 'ICMPv6' }, { protocol: 58, ipVersion: 6 }, { notProtocol: 'ICMPv6', ipVersion: 6 }],
        refuses: [
          [{ protocol: 'ICMPv6', ipVersion: 4 }, ['protocol']],
          [{ notProtocol: 58, ipVersion: 4 }, ['notProtocol']],
        ],
      },
    });
  });

  describe('5. networks', () => {
    describeRules(rule, {
      'all are of one IP version': {
        accepts: [
          {
            source: { nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] },
            destination: { nets: ['192.0.2.0/24'], notNets: ['192.0.2.1/32'] },
          },
          { source: { nets: ['fd00::/8'] }, destination: { notNets: ['fd00::/16'] } },
        ],
        refuses: [
          [{ source: { nets: ['10.0.0.0/8', 'fd00::/8'] } }, ['source.nets[1]']],
          [{ source: { nets: ['10.0.0.0/8'], notNets: ['fd00::/8'] } }, ['source.notNets[0]']],
          [{ source: { nets: ['10.0.0.0/8'] }, destination: { nets: ['fd00::/8'] } }, ['destination.nets[0]']],
          [{ source: { notNets: ['fd00::/8'] }, destination: { notNets: ['10.0.0.0/8'] } }, ['destination.notNets[0]']],
        ],
      },
      'they are of ipVersion': {
        accepts: [
          { ipVersion: 6, source: { nets: ['fd00::/8'] } },
          { ipVersion: 4, destination: { notNets: ['10.0.0.0/8'] } },
        ],
        refuses: [
          [{ ipVersion: 6, source: { nets: ['10.0.0.0/8'] } }, ['source.nets[0]']],
          [{ ipVersion: 4, destination: { notNets: ['fd00::/8'] } }, ['destination.notNets[0]']],
        ],
      },
      'they have a prefix length and no host bits': atBothEnds({
        accepts: [{ nets: ['10.0.0.0/8', '10.0.0.1/32', '0.0.0.0/0'], notNets: ['10.0.0.0/9'] }],
        refuses: [
          [{ nets: ['10.0.0.1'] }, ['nets[0]']],
          [{ nets: ['10.0.0.1/8'] }, ['nets[0]']],
          [{ notNets: ['x'] }, ['notNets[0]']],
          [{ notNets: ['10.0.0.1'] }, ['notNets[0]']],
          [{ nets: [''] }, ['nets[0]']],
        ],
      }),
      'there are at most 256': atBothEnds({
        accepts: [{ nets: nets(256), notNets: nets(256) }],
        refuses: [
          [{ nets: nets(257) }, ['nets']],
          [{ notNets: nets(257) }, ['notNets']],
        ],
      }),
    });
  });

  describe('6. excluded networks', () => {
    describeRules(rule, {
      'not everything is excluded': atBothEnds({
        accepts: [{ notNets: ['0.0.0.0/1'] }, { notNets: ['::/1'] }],
        refuses: [
          [{ notNets: ['0.0.0.0/0'] }, ['notNets[0]']],
          [{ notNets: ['::/0'] }, ['notNets[0]']],
          [{ notNets: ['0:0::/0'] }, ['notNets[0]']],
        ],
      }),
    });
  });

  describe('7. namespaceSelector', () => {
    describeRules(rule, {
      'global() stands alone': atBothEnds({
        accepts: [
          { namespaceSelector: 'global()' },
          { namespaceSelector: ' global( ) ' },
          { namespaceSelector: 'x == "y"' },
          { namespaceSelector: 'all()' },
        ],
        refuses: ['!global()', '!!global()', '(global())', 'global() || a == "b"', 'a == "global("', 'global('].map(
          (namespaceSelector) => [{ namespaceSelector }, ['namespaceSelector']],
        ),
      }),
      'it parses, in at most 1024 characters': atBothEnds({
        accepts: [{ namespaceSelector: ofLength(1024) }, { namespaceSelector: `a == "${'\u{1f600}'.repeat(1000)}"` }],
        refuses: [
          [{ namespaceSelector: ofLength(1025) }, ['namespaceSelector']],
          [{ namespaceSelector: 'a ==' }, ['namespaceSelector']],
        ],
      }),
    });
  });

  describe('8. selectors', () => {
    describeRules(rule, {
      'they parse and do not use global()': atBothEnds({
        accepts: [
          { selector: 'a == "b" && has(c)', notSelector: 'has(d)', serviceAccounts: { selector: 'x == "y"' } },
          { selector: '' },
        ],
        refuses: [
          [{ selector: 'a ==' }, ['selector']],
          [{ selector: 'global()' }, ['selector']],
          [{ notSelector: '!global()' }, ['notSelector']],
          [{ notSelector: 'a' }, ['notSelector']],
          [{ serviceAccounts: { selector: 'x' } }, ['serviceAccounts.selector']],
          [{ serviceAccounts: { selector: 'global()' } }, ['serviceAccounts.selector']],
        ],
      }),
      'they have at most 1024 characters': atBothEnds({
        accepts: [{ selector: ofLength(1024), notSelector: ofLength(1024) }],
        refuses: [
          [{ selector: ofLength(1025) }, ['selector']],
          [{ notSelector: ofLength(1025) }, ['notSelector']],
        ],
      }),
      'service accounts may be named': atBothEnds({
        accepts: [{ serviceAccounts: { names: ['a', 'b'] } }, { serviceAccounts: {} }],
        refuses: [
          [{ serviceAccounts: { names: 'a' } }, ['serviceAccounts.names']],
          [{ serviceAccounts: { name: 'a' } }, ['serviceAccounts.name']],
        ],
      }),
    });
  });

  describe('9. services', () => {
    const services = { name: 's', namespace: 'n' };
    describeRules(rule, {
      'a service has a name': {
        accepts: [{ source: { services } }],
        refuses: [
          [{ source: { services: { namespace: 'n' } } }, ['source.services.name']],
          [{ source: { services: { name: '', namespace: 'n' } } }, ['source.services.name']],
        ],
      },
      'a service excludes every other way to say who': {
        accepts: [
          { source: { services, selector: '', nets: [] } },
          { protocol: 'TCP', source: { services, ports: [80] } },
        ],
        refuses: [
          [{ source: { services, selector: 'all()' } }, ['source.selector']],
          [{ source: { services, notSelector: 'has(a)' } }, ['source.notSelector']],
          [{ source: { services, namespaceSelector: 'all()' } }, ['source.namespaceSelector']],
          [{ source: { services, nets: ['10.0.0.0/8'] } }, ['source.nets']],
          [{ source: { services, notNets: ['10.0.0.0/8'] } }, ['source.notNets']],
          [{ source: { services, serviceAccounts: {} } }, ['source.serviceAccounts']],
        ],
      },
      'the destination of ingress is no service': {
        accepts: [{ destination: {} }],
        refuses: [[{ destination: { services } }, ['destination.services']]],
      },
      'a global policy names the service\u2019s namespace': {
        accepts: [{ source: { services } }],
        refuses: [
          [{ source: { services: { name: 's' } } }, ['source.services.namespace']],
          [{ source: { services: { name: 's', namespace: '' } } }, ['source.services.namespace']],
        ],
      },
    });
    describeRules(ruleOf('egress'), {
      'the source of egress is no service': {
        accepts: [{ destination: { services } }],
        refuses: [[{ source: { services } }, ['source.services']]],
      },
      'a destination service has its own ports': {
        accepts: [{ protocol: 'TCP', destination: { services } }],
        refuses: [
          [{ protocol: 'TCP', destination: { services, ports: [80] } }, ['destination.ports']],
          [{ protocol: 'TCP', destination: { services, notPorts: [80] } }, ['destination.notPorts']],
        ],
      },
    });
    describeRules(ruleOf('ingress', 'NetworkPolicy'), {
      'a namespaced policy means its own namespace': {
        accepts: [{ source: { services: { name: 's' } } }, { source: { services } }],
        refuses: [[{ source: { services: {} } }, ['source.services.name']]],
      },
    });
  });

  describe('10. HTTP', () => {
    const http = { methods: ['GET'] };
    describeRules(rule, {
      'only for Allow': {
        accepts: [{ http }],
        refuses: ['Deny', 'Log', 'Pass'].map((action) => [{ action, http }, ['http']]),
      },
      'only with protocol TCP or none': {
        accepts: [{ http }, { protocol: 'TCP', http }, { protocol: 6, http }, { protocol: '6', http }],
        refuses: [
          [{ protocol: 'UDP', http }, ['http']],
          [{ protocol: 17, http }, ['http']],
        ],
      },
      'methods are given once, at most 20': {
        accepts: [{ http: { methods: numbers(20).map((n) => `M${n}`) } }],
        refuses: [
          [{ http: { methods: ['GET', 'GET'] } }, ['http.methods[1]']],
          [{ http: { methods: numbers(21).map((n) => `M${n}`) } }, ['http.methods']],
        ],
      },
      'at most 20 paths': {
        accepts: [{ http: { paths: numbers(20).map((n) => ({ exact: `/${n}` })) } }],
        refuses: [[{ http: { paths: numbers(21).map((n) => ({ exact: `/${n}` })) } }, ['http.paths']]],
      },
      'a path is exactly one of exact and prefix': {
        accepts: [{ http: { paths: [{ exact: '/a' }, { prefix: '/b/' }] } }],
        refuses: [
          [{ http: { paths: [{}] } }, ['http.paths[0]']],
          [{ http: { paths: [{ exact: '/a', prefix: '/b' }] } }, ['http.paths[0]']],
        ],
      },
      'a path starts with "/"': {
        accepts: [{ http: { paths: [{ exact: '/' }] } }],
        refuses: [
          [{ http: { paths: [{ exact: 'a' }, { prefix: 'b/' }] } }, ['http.paths[0].exact', 'http.paths[1].prefix']],
        ],
      },
      'a path has no "?", space or "#"': {
        accepts: [{ http: { paths: [{ exact: '/a%20b' }] } }],
        refuses: [
          [
            { http: { paths: [{ prefix: '/a?b' }, { exact: '/a b' }, { exact: '/#' }] } },
            ['http.paths[0].prefix', 'http.paths[1].exact', 'http.paths[2].exact'],
          ],
        ],
      },
    });
    describeRules(ruleOf('egress'), { 'only in ingress': { accepts: [{}], refuses: [[{ http }, ['http']]] } });
  });

  it('is reported with every other problem of the document', () => {
    const input = document(
      'NetworkPolicy',
      {
        selector: 'a ==',
        ingress: [{ action: 'Alow' }, { action: 'Deny', protocol: 'tcp' }],
        egress: 'none',
        extra: 1,
      },
      { name: 'Upper' },
    );
    expect(problemPathsOf(input)).toEqual([
      'metadata.name',
      'spec.ingress[0].action',
      'spec.ingress[1].protocol',
      'spec.egress',
      'spec.selector',
      'spec.extra',
    ]);
    expect(problemsOf(input)).toContain('spec.ingress[0].action: must be one of Allow, Deny, Log, Pass');
  });
});
