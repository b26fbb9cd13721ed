import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document, problemPathsOf } from '../testing/documents.ts';
import type { Kind } from './registry.ts';

const allow = { action: 'Allow' };

describe('the types of a policy without types', () => {
  it.each([
    [{}, ['Ingress']],
    [{ ingress: [allow] }, ['Ingress']],
    [{ egress: [allow] }, ['Egress']],
    [{ ingress: [allow], egress: [allow] }, ['Ingress', 'Egress']],
    [{ types: ['Egress', 'Ingress'] }, ['Egress', 'Ingress']],
  ])('%j are %j', (spec, types) => {
    expect(parseResource(document('NetworkPolicy', spec))).toMatchObject({ spec: { types, tier: 'default' } });
  });
});

describe('a policy', () => {
  it('carries its tier as a label', () => {
    const policy = parseResource(document('GlobalNetworkPolicy', { tier: 'platform' }, { labels: { a: 'b' } }));
    expect(policy.metadata.labels).toEqual({ a: 'b', 'projectcalico.org/tier': 'platform' });
  });

  it.each<[Kind, object, object]>([
    ['NetworkPolicy', {}, { name: 'tier.name' }],
    ['NetworkPolicy', {}, { name: 'knp.default.a.b.c' }],
    ['GlobalNetworkPolicy', {}, { name: 'tier.name' }],
    ['GlobalNetworkPolicy', { doNotTrack: true, applyOnForward: true, egress: [allow] }, {}],
    ['GlobalNetworkPolicy', { preDNAT: true, applyOnForward: true, ingress: [allow] }, {}],
    ['GlobalNetworkPolicy', { namespaceSelector: 'a == "b"', serviceAccountSelector: 'c == "d"' }, {}],
    ['GlobalNetworkPolicy', { performanceHints: ['AssumeNeededOnEveryNode'], order: -1.5 }, {}],
    ['StagedNetworkPolicy', { stagedAction: 'Delete', tier: 'x' }, {}],
    ['StagedNetworkPolicy', { stagedAction: 'Learn', ingress: [allow] }, {}],
    ['StagedKubernetesNetworkPolicy', { stagedAction: 'Delete' }, {}],
  ])('%s may be %j %j', (kind, spec, metadata) => {
    expect(problemPathsOf(document(kind, spec, metadata))).toEqual([]);
  });

  it.each<[Kind, object, object, string[]]>([
    ['NetworkPolicy', {}, { name: 'a.b.c' }, ['metadata.name']],
    ['NetworkPolicy', {}, { name: 'A' }, ['metadata.name']],
    ['NetworkPolicy', {}, { namespace: '' }, ['metadata.namespace']],
    ['GlobalNetworkPolicy', {}, { name: 'a.b.c' }, ['metadata.name']],
    ['GlobalNetworkPolicy', {}, { namespace: 'x' }, ['metadata.namespace']],
    ['GlobalNetworkPolicy', { tier: 'Not.A.Tier' }, {}, ['spec.tier']],
    ['GlobalNetworkPolicy', { types: ['Ingress', 'Ingress'] }, {}, ['spec.types[1]']],
    ['GlobalNetworkPolicy', { types: ['Both'] }, {}, ['spec.types[0]']],
    ['GlobalNetworkPolicy', { order: '10' }, {}, ['spec.order']],
    ['GlobalNetworkPolicy', { selector: 'global()' }, {}, ['spec.selector']],
    ['GlobalNetworkPolicy', { namespaceSelector: 'global()' }, {}, ['spec.namespaceSelector']],
    ['GlobalNetworkPolicy', { performanceHints: ['Faster'] }, {}, ['spec.performanceHints[0]']],
    ['GlobalNetworkPolicy', { doNotTrack: true, preDNAT: true, applyOnForward: true }, {}, ['spec.preDNAT']],
    ['GlobalNetworkPolicy', { doNotTrack: true }, {}, ['spec.applyOnForward']],
    [
      'GlobalNetworkPolicy',
      { preDNAT: true, applyOnForward: true, egress: [allow] },
      {},
      ['spec.egress', 'spec.types'],
    ],
    ['GlobalNetworkPolicy', { preDNAT: true, applyOnForward: true, types: ['Egress'] }, {}, ['spec.types']],
    ['GlobalNetworkPolicy', { ingress: Array.from({ length: 1025 }, () => allow) }, {}, ['spec.ingress']],
    ['NetworkPolicy', { doNotTrack: true }, {}, ['spec.doNotTrack']],
    ['StagedNetworkPolicy', { stagedAction: 'Remove' }, {}, ['spec.stagedAction']],
    [
      'StagedNetworkPolicy',
      { stagedAction: 'Delete', selector: 'all()', order: 1 },
      {},
      ['spec.order', 'spec.selector'],
    ],
    ['StagedGlobalNetworkPolicy', { stagedAction: 'Delete', egress: [allow] }, {}, ['spec.egress']],
    [
      'StagedKubernetesNetworkPolicy',
      { stagedAction: 'Delete', podSelector: { matchLabels: { a: 'b' } } },
      {},
      ['spec.podSelector'],
    ],
    ['StagedKubernetesNetworkPolicy', { stagedAction: 'Delete', policyTypes: ['Ingress'] }, {}, ['spec.policyTypes']],
  ])('%s must not be %j %j', (kind, spec, metadata, paths) => {
    expect(problemPathsOf(document(kind, spec, metadata))).toEqual(paths);
  });
});

describe("a staged Kubernetes policy's rules", () => {
  const problems = (rule: object): readonly string[] =>
    problemPathsOf(document('StagedKubernetesNetworkPolicy', { ingress: [rule] })).map((path) =>
      path.replace('spec.ingress[0]', ''),
    );

  it.each([
    [{ ports: [{ port: 'http' }, { port: 80, endPort: 90, protocol: 'TCP' }, {}] }, []],
    [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }] }, []],
    [{ from: [{ namespaceSelector: {}, podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists' }] } }] }, []],
    [{ ports: [{ port: 0 }] }, ['.ports[0].port']],
    [{ ports: [{ port: 'Not_A_Port' }] }, ['.ports[0].port']],
    [{ ports: [{ protocol: 'ICMP' }] }, ['.ports[0].protocol']],
    [
      {
        ports: [
          { port: 'http', endPort: 90 },
          { port: 9, endPort: 8 },
        ],
      },
      ['.ports[0].endPort', '.ports[1].endPort'],
    ],
    [{ from: [{}] }, ['.from[0]']],
    [{ from: [{ podSelector: {}, ipBlock: { cidr: '10.0.0.0/8' } }] }, ['.from[0]']],
    [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/8'] } }] }, ['.from[0].ipBlock.except[0]']],
    [{ from: [{ ipBlock: { cidr: '10.0.0.1/8' } }] }, ['.from[0].ipBlock.cidr']],
    [
      { from: [{ podSelector: { matchExpressions: [{ key: 'a', operator: 'In' }] } }] },
      ['.from[0].podSelector.matchExpressions[0].values'],
    ],
    [
      { from: [{ podSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['x'] }] } }] },
      ['.from[0].podSelector.matchExpressions[0].values'],
    ],
    [{ from: [{ podSelector: { matchLabels: { 'a b': 'c' } } }] }, ['.from[0].podSelector.matchLabels["a b"]']],
  ])('%j have problems at %j', (rule, paths) => {
    expect(problems(rule)).toEqual(paths);
  });
});
