import { expect, test } from 'vitest';
import { decideEndpoint } from './endpoint-decision.ts';
import { kubernetesPolicyOf } from './kubernetes-policy.ts';
import { worldOf } from './resource-world.ts';
import { packet, resource, workload } from './testing/resources.ts';

type Spec = Parameters<typeof kubernetesPolicyOf>[0]['spec'];
const staged = (spec: Partial<Spec>) =>
  resource('StagedKubernetesNetworkPolicy', 'p', { podSelector: {}, ...spec }, { namespace: 'ns' });
const converted = (spec: Partial<Spec>) => kubernetesPolicyOf(staged(spec)).spec;
const pods = "projectcalico.org/orchestrator == 'k8s'";

test('it stands in the tier default with order 1000, for pods of Kubernetes, and is about ingress if it says nothing', () => {
  expect(converted({})).toEqual({
    tier: 'default',
    order: 1000,
    selector: pods,
    types: ['Ingress'],
    ingress: [],
    egress: [],
  });
  expect(converted({ policyTypes: ['Egress'], stagedAction: 'Delete' })).toMatchObject({
    types: ['Egress'],
    stagedAction: 'Delete',
  });
});

test('label selectors become selectors, labels in the order of their names', () => {
  const podSelector = {
    matchLabels: { b: 'y', a: 'x' },
    matchExpressions: [
      { key: 'c', operator: 'In', values: ['1', '2'] },
      { key: 'd', operator: 'NotIn', values: ['3'] },
      { key: 'e', operator: 'Exists' },
      { key: 'f', operator: 'DoesNotExist' },
    ],
  } as const;
  expect(converted({ podSelector: structuredClone(podSelector) }).selector).toBe(
    `${pods} && a == 'x' && b == 'y' && c in { '1', '2' } && d not in { '3' } && has(e) && ! has(f)`,
  );
});

test('each protocol and peer is a rule of its own, with the ports of the packet’s destination', () => {
  const ports = [
    { protocol: 'UDP' as const, port: 53 },
    { port: 80 },
    { port: 8000, endPort: 8010 },
    { port: 'web' },
    { protocol: 'SCTP' as const },
  ];
  const peers = [
    { podSelector: { matchLabels: { a: 'x' } } },
    { namespaceSelector: {} },
    { podSelector: {}, namespaceSelector: { matchLabels: { team: 'z' } } },
    { ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } },
  ];
  const ends = [
    { selector: `${pods} && a == 'x'` },
    { selector: pods, namespaceSelector: 'all()' },
    { selector: pods, namespaceSelector: "team == 'z'" },
    { nets: ['10.0.0.0/8'], notNets: ['10.1.0.0/16'] },
  ];
  const tcp = { ports: [80, '8000:8010', 'web'] };
  expect(converted({ ingress: [{ ports, from: peers }] }).ingress).toEqual([
    ...ends.map((source) => ({ action: 'Allow', protocol: 'SCTP', source, destination: {} })),
    ...ends.map((source) => ({ action: 'Allow', protocol: 'TCP', source, destination: tcp })),
    ...ends.map((source) => ({ action: 'Allow', protocol: 'UDP', source, destination: { ports: [53] } })),
  ]);
  expect(converted({ egress: [{ ports: [{ port: 80 }], to: [{ podSelector: {} }] }, {}] }).egress).toEqual([
    { action: 'Allow', protocol: 'TCP', destination: { selector: pods, ports: [80] } },
    { action: 'Allow', destination: {} },
  ]);
});

test('what it would say is told of by its own kind and name, for pods of its namespace', () => {
  const world = worldOf([
    resource('Profile', 'open', { ingress: [{ action: 'Allow' }] }),
    staged({ ingress: [{ ports: [{ port: 80 }] }] }),
  ]);
  const ask = (namespace: string, orchestrator: string, destinationPort: number) =>
    decideEndpoint(world, {
      direction: 'ingress',
      stage: 'normal',
      packet: packet({ destinationPort }),
      endpoint: workload({ 'projectcalico.org/namespace': namespace, 'projectcalico.org/orchestrator': orchestrator }, [
        'open',
      ]),
    });
  const owner = { kind: 'StagedKubernetesNetworkPolicy', namespace: 'ns', name: 'p' };
  expect(ask('ns', 'k8s', 80)).toMatchObject({ verdict: 'allow', staged: [{ owner, hit: { ruleIndex: 0 } }] });
  expect(ask('ns', 'k8s', 81).staged).toEqual([{ tier: 'default', owner }]);
  expect(ask('ns', 'cni', 80).staged).toEqual([]);
  expect(ask('other', 'k8s', 80).staged).toEqual([]);
});
