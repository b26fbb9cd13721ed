import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, metadataOf, specOf, type Subject } from '../testing/rules.ts';

const KIND = 'StagedKubernetesNetworkPolicy';

function inIngress(path: string, wrap: (given: object) => object): Subject {
  return { document: (given) => document(KIND, { ingress: [wrap(given)] }), path: `spec.ingress[0].${path}` };
}

const port = inIngress('ports[0]', (given) => ({ ports: [given] }));
const peer = inIngress('from[0]', (given) => ({ from: [given] }));
const ipBlock = inIngress('from[0].ipBlock', (given) => ({ from: [{ ipBlock: given }] }));
const requirement = inIngress('from[0].podSelector.matchExpressions[0]', (given) => ({
  from: [{ podSelector: { matchExpressions: [given] } }],
}));

describe(KIND, () => {
  describeRules(metadataOf(KIND), {
    'a name is any of Kubernetes': {
      accepts: [{ name: 'a' }, { name: 'a.b.c' }, { name: 'x'.repeat(253) }],
      refuses: [
        [{ name: 'A' }, ['name']],
        [{ name: 'a..b' }, ['name']],
        [{ name: 'x'.repeat(254) }, ['name']],
      ],
    },
  });

  describeFields(specOf(KIND), {
    stagedAction: [['Set', 'Delete', 'Learn', 'Ignore'], ['Remove']],
    policyTypes: [
      [['Ingress'], ['Egress', 'Ingress'], []],
      [['Both'], ['Ingress', 'Ingress']],
    ],
    podSelector: [
      [{}, { matchLabels: { a: 'b' } }],
      [{ matchLabels: { 'a b': 'c' } }, { matchLabels: { a: 'b c' } }, 'all()'],
    ],
    tier: [[], ['default']],
    egress: [
      [[{ to: [{ ipBlock: { cidr: 'fd00::/8' } }], ports: [{ port: 53 }] }], [{}]],
      [[{ from: [] }], [{ to: [{}] }]],
    ],
  });

  describeRules(specOf(KIND, { stagedAction: 'Delete' }), {
    'a deletion says nothing': {
      accepts: [{}, { podSelector: {}, ingress: [], egress: [], policyTypes: [] }],
      refuses: [
        [{ podSelector: { matchLabels: { a: 'b' } } }, ['podSelector']],
        [{ policyTypes: ['Ingress'] }, ['policyTypes']],
        [{ ingress: [{}] }, ['ingress']],
        [{ egress: [{}] }, ['egress']],
      ],
    },
  });

  describeRules(port, {
    'a port is a number, a name or left out': {
      accepts: [{}, { port: 80 }, { port: 'http' }, { protocol: 'UDP' }],
      refuses: [
        [{ port: 0 }, ['port']],
        [{ port: 65536 }, ['port']],
        [{ port: 'Not_A_Port' }, ['port']],
        [{ protocol: 'ICMP' }, ['protocol']],
      ],
    },
    'endPort ends a range of numbers': {
      accepts: [
        { port: 80, endPort: 90 },
        { port: 80, endPort: 80 },
      ],
      refuses: [
        [{ port: 'http', endPort: 90 }, ['endPort']],
        [{ endPort: 90 }, ['endPort']],
        [{ port: 9, endPort: 8 }, ['endPort']],
        [{ port: 9, endPort: 65536 }, ['endPort']],
      ],
    },
  });

  describeRules(peer, {
    'a peer is selected or a block of addresses': {
      accepts: [{ podSelector: {} }, { namespaceSelector: {}, podSelector: {} }, { ipBlock: { cidr: '10.0.0.0/8' } }],
      refuses: [
        [{}, ['']],
        [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }, ['']],
        [{ namespaceSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }, ['']],
      ],
    },
  });

  describeRules(ipBlock, {
    'a block is a network without host bits, exceptions lie within': {
      accepts: [{ cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] }],
      refuses: [
        [{ cidr: '10.0.0.1/8' }, ['cidr']],
        [{}, ['cidr']],
        [{ cidr: '10.0.0.0/8', except: ['11.0.0.0/8'] }, ['except[0]']],
        [{ cidr: '10.0.0.0/8', except: ['x'] }, ['except[0]']],
      ],
    },
  });

  describeRules(requirement, {
    'In and NotIn have values, Exists and DoesNotExist have none': {
      accepts: [
        { key: 'a', operator: 'In', values: ['b'] },
        { key: 'a', operator: 'NotIn', values: ['b'] },
        { key: 'a', operator: 'Exists' },
        { key: 'a', operator: 'DoesNotExist' },
      ],
      refuses: [
        [{ key: 'a', operator: 'In' }, ['values']],
        [{ key: 'a', operator: 'NotIn', values: [] }, ['values']],
        [{ key: 'a', operator: 'Exists', values: ['b'] }, ['values']],
        [{ key: 'a', operator: 'DoesNotExist', values: ['b'] }, ['values']],
        [{ key: 'a', operator: 'Like' }, ['operator']],
        [{ key: 'a b', operator: 'Exists' }, ['key']],
        [{ operator: 'Exists' }, ['key']],
      ],
    },
  });

  it('sets, unless it says otherwise, and is in no tier', () => {
    const policy = parseResource(document(KIND, {}));
    expect(policy.spec).toEqual({ stagedAction: 'Set', podSelector: {} });
    expect(policy.metadata.labels).toBeUndefined();
  });
});
