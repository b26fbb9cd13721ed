import { describe, expect, it } from 'vitest';
import { document, problemPathsOf, problemsOf } from '../testing/documents.ts';

function ingress(rule: object): readonly string[] {
  return problemPathsOf(document('GlobalNetworkPolicy', { ingress: [{ action: 'Allow', ...rule }] }));
}

function egress(rule: object): readonly string[] {
  return problemPathsOf(document('GlobalNetworkPolicy', { egress: [{ action: 'Allow', ...rule }] }));
}

/** Paths under the first ingress rule. */
function at(...paths: readonly string[]): readonly string[] {
  return paths.map((path) => (path.startsWith('[') ? `spec.ingress[0]${path}` : `spec.ingress[0].${path}`));
}

const nets = (length: number): string[] => Array.from({ length }, (_, index) => `10.${index >> 8}.${index & 255}.0/24`);

describe('a rule', () => {
  it.each([
    [{}],
    [{ protocol: 'TCP' }],
    [{ protocol: 'UDPLite' }],
    [{ protocol: 1 }],
    [{ protocol: 255 }],
    [{ notProtocol: 'SCTP' }],
    [{ protocol: 'TCP', destination: { ports: [1, 65535, '80', '1:65535', 'http'] } }],
    [{ protocol: 132, destination: { notPorts: [1] } }],
    [{ destination: { ports: ['http'] } }],
    [{ protocol: 'ICMP', icmp: { type: 0, code: 255 } }],
    [{ protocol: 58, icmp: { type: 254 }, ipVersion: 6 }],
    [{ protocol: 'ICMP', notICMP: { type: 8 }, ipVersion: 4 }],
    [{ source: { nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] }, destination: { nets: ['192.0.2.0/24'] } }],
    [{ ipVersion: 6, source: { nets: ['fd00::/8'] } }],
    [{ source: { nets: nets(256) } }],
    [{ source: { selector: 'a == "b"', notSelector: 'has(c)', namespaceSelector: 'x == "y"' } }],
    [{ source: { namespaceSelector: ' global() ' } }],
    [{ source: { serviceAccounts: { names: ['a'], selector: 'x == "y"' } } }],
    [{ source: { services: { name: 's', namespace: 'n' } } }],
    [{ http: { methods: ['GET', 'PUT'], paths: [{ exact: '/a' }, { prefix: '/b/' }] } }],
    [{ protocol: 6, http: { methods: ['GET'] } }],
    [{ metadata: { annotations: { anything: 'goes' } } }],
  ])('may be %j', (rule) => {
    expect(ingress(rule)).toEqual([]);
  });

  it.each([
    [{ action: undefined }, ['action']],
    [{ action: 'allow' }, ['action']],
    [{ ipVersion: 5 }, ['ipVersion']],
    [{ protocol: 'tcp' }, ['protocol']],
    [{ protocol: 0 }, ['protocol']],
    [{ protocol: 256 }, ['protocol']],
    [{ protocol: '300' }, ['protocol']],
    [{ protocol: true }, ['protocol']],
    [{ destination: { ports: [80] } }, ['destination.ports[0]']],
    [{ source: { notPorts: ['http', '1:2'] } }, ['source.notPorts[1]']],
    [{ protocol: 'UDPLite', destination: { ports: ['http'] } }, ['destination.ports']],
    [{ protocol: 'ICMP', source: { ports: [1] } }, ['source.ports']],
    [{ protocol: 'TCP', destination: { ports: [0] } }, ['destination.ports[0]']],
    [{ protocol: 'TCP', destination: { ports: ['0:5'] } }, ['destination.ports[0]']],
    [{ protocol: 'TCP', destination: { ports: ['5:1'] } }, ['destination.ports[0]']],
    [{ protocol: 'TCP', destination: { ports: [65536] } }, ['destination.ports[0]']],
    [{ protocol: 'TCP', destination: { ports: ['a b'] } }, ['destination.ports[0]']],
    [
      { protocol: 'TCP', destination: { ports: Array.from({ length: 51 }, (_, port) => port + 1) } },
      ['destination.ports'],
    ],
    [{ icmp: { type: 8 } }, ['icmp']],
    [{ protocol: 'TCP', icmp: { type: 8 } }, ['icmp']],
    [{ protocol: 'TCP', notICMP: { type: 8 } }, ['notICMP']],
    [{ protocol: 'ICMP', icmp: { code: 0 } }, ['icmp.code']],
    [{ protocol: 'ICMP', icmp: { type: 255 } }, ['icmp.type']],
    [{ protocol: 'ICMP', icmp: { type: 1, code: 256 } }, ['icmp.code']],
    [{ protocol: 'ICMP', ipVersion: 6 }, ['protocol']],
    [{ notProtocol: 58, ipVersion: 4 }, ['notProtocol']],
    [{ source: { nets: ['10.0.0.0/8', 'fd00::/8'] } }, ['source.nets[1]']],
    [{ source: { nets: ['10.0.0.0/8'] }, destination: { notNets: ['fd00::/8'] } }, ['destination.notNets[0]']],
    [{ ipVersion: 6, source: { nets: ['10.0.0.0/8'] } }, ['source.nets[0]']],
    [{ source: { nets: ['10.0.0.1'] } }, ['source.nets[0]']],
    [{ source: { nets: ['10.0.0.1/8'] } }, ['source.nets[0]']],
    [{ source: { nets: nets(257) } }, ['source.nets']],
    [{ source: { notNets: ['0.0.0.0/0'] } }, ['source.notNets[0]']],
    [{ destination: { notNets: ['::/0'] } }, ['destination.notNets[0]']],
    [{ source: { selector: 'a ==' } }, ['source.selector']],
    [{ source: { selector: 'global()' } }, ['source.selector']],
    [{ source: { notSelector: '!global()' } }, ['source.notSelector']],
    [{ source: { selector: `a == "${'x'.repeat(1024)}"` } }, ['source.selector']],
    [{ source: { namespaceSelector: '!global()' } }, ['source.namespaceSelector']],
    [{ source: { namespaceSelector: 'global() || a == "b"' } }, ['source.namespaceSelector']],
    [{ source: { serviceAccounts: { selector: 'x' } } }, ['source.serviceAccounts.selector']],
    [{ source: { services: { namespace: 'n' } } }, ['source.services.name']],
    [{ source: { services: { name: 's' } } }, ['source.services.namespace']],
    [
      { source: { services: { name: 's', namespace: 'n' }, selector: 'all()', nets: ['10.0.0.0/8'] } },
      ['source.selector', 'source.nets'],
    ],
    [{ source: { services: { name: 's', namespace: 'n' }, serviceAccounts: {} } }, ['source.serviceAccounts']],
    [{ destination: { services: { name: 's', namespace: 'n' } } }, ['destination.services']],
    [{ action: 'Deny', http: { methods: ['GET'] } }, ['http']],
    [{ protocol: 'UDP', http: { methods: ['GET'] } }, ['http']],
    [{ http: { methods: ['GET', 'GET'] } }, ['http.methods[1]']],
    [{ http: { methods: Array.from({ length: 21 }, (_, index) => `M${index}`) } }, ['http.methods']],
    [{ http: { paths: [{}] } }, ['http.paths[0]']],
    [{ http: { paths: [{ exact: '/a', prefix: '/b' }] } }, ['http.paths[0]']],
    [{ http: { paths: [{ exact: 'a' }] } }, ['http.paths[0].exact']],
    [
      { http: { paths: [{ prefix: '/a?b' }, { exact: '/a b' }, { exact: '/#' }] } },
      ['http.paths[0].prefix', 'http.paths[1].exact', 'http.paths[2].exact'],
    ],
    [{ from: {} }, ['from']],
    [{ source: { net: '10.0.0.0/8' } }, ['source.net']],
    [{ source: [] }, ['source']],
  ])('must not be %j', (rule, paths) => {
    expect(ingress(rule)).toEqual(at(...paths));
  });

  it('has different rules for egress', () => {
    const services = { name: 's', namespace: 'n' };
    expect(egress({ destination: { services } })).toEqual([]);
    expect(egress({ source: { services } })).toEqual(['spec.egress[0].source.services']);
    expect(egress({ http: { methods: ['GET'] } })).toEqual(['spec.egress[0].http']);
    expect(egress({ protocol: 'TCP', destination: { services, ports: [80] } })).toEqual([
      'spec.egress[0].destination.ports',
    ]);
  });

  it('finds services in its own namespace in a namespaced policy', () => {
    const spec = { ingress: [{ action: 'Allow', source: { services: { name: 's' } } }] };
    expect(problemsOf(document('NetworkPolicy', spec))).toEqual([]);
  });

  it('is reported with every other problem of the document', () => {
    const document_ = document(
      'NetworkPolicy',
      {
        selector: 'a ==',
        ingress: [{ action: 'Alow' }, { action: 'Deny', protocol: 'tcp' }],
        egress: 'none',
        extra: 1,
      },
      { name: 'Upper' },
    );
    expect(problemPathsOf(document_)).toEqual([
      'metadata.name',
      'spec.ingress[0].action',
      'spec.ingress[1].protocol',
      'spec.egress',
      'spec.selector',
      'spec.extra',
    ]);
  });
});
