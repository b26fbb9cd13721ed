import type { Rule } from '@calico-node/model';
import { expect, test } from 'vitest';
import { decideEndpoint } from './endpoint-decision.ts';
import { enforceStaged } from './enforce-staged.ts';
import { worldOf } from './resource-world.ts';
import { packet, resource, workload } from './testing/resources.ts';

const ingress = (rules: Rule[]) => ({ types: ['Ingress' as const], ingress: rules });
const open = resource('Profile', 'open', { ingress: [{ action: 'Allow' }] });
const denied = resource('GlobalNetworkPolicy', 'p', ingress([{ action: 'Deny' }]));
const endpoint = workload({ 'projectcalico.org/namespace': 'ns', 'projectcalico.org/orchestrator': 'k8s' }, ['open']);

function verdictOf(...resources: Parameters<typeof worldOf>[0][]): string {
  const world = enforceStaged(worldOf([open, ...resources.flatMap((each) => [...each])]));
  return decideEndpoint(world, { endpoint, direction: 'ingress', stage: 'normal', packet: packet() }).verdict;
}

test('a staged policy takes the place of the policy of its name, or stands beside the others', () => {
  expect(verdictOf([denied])).toBe('deny');
  const allow = ingress([{ action: 'Allow' }]);
  expect(verdictOf([denied, resource('StagedGlobalNetworkPolicy', 'p', allow)])).toBe('allow');
  expect(verdictOf([denied, resource('StagedGlobalNetworkPolicy', 'a', { ...allow, order: 1 })])).toBe('allow');
  expect(verdictOf([denied, resource('StagedNetworkPolicy', 'p', allow, { namespace: 'ns' })])).toBe('deny');
  expect(verdictOf([resource('StagedNetworkPolicy', 'n', ingress([]), { namespace: 'ns' })])).toBe('deny');
});

test('one that is staged for deletion takes the policy away, and one that is ignored does nothing', () => {
  expect(verdictOf([denied, resource('StagedGlobalNetworkPolicy', 'p', { stagedAction: 'Delete' })])).toBe('allow');
  const ignored = { stagedAction: 'Ignore' as const, ...ingress([{ action: 'Allow' }]) };
  expect(verdictOf([denied, resource('StagedGlobalNetworkPolicy', 'p', ignored)])).toBe('deny');
});

test('a staged policy of Kubernetes isolates the pods that it selects', () => {
  const staged = (ports: number[]) =>
    resource(
      'StagedKubernetesNetworkPolicy',
      'k',
      { podSelector: {}, ingress: [{ ports: ports.map((port) => ({ port })) }] },
      { namespace: 'ns' },
    );
  expect(verdictOf([staged([80])])).toBe('allow');
  expect(verdictOf([staged([81])])).toBe('deny');
});
