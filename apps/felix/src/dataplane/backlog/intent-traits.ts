/** What the backlog has to know of an intent: what it is about, when its turn is, what it needs and how much work it is. */
import { policiesOf, type EndpointTier, type Intent } from '../../calc/intents.ts';
import type { IpSetId } from '../../calc/ip-set.ts';
import type { ParsedRule } from '../../calc/parsed-rule.ts';

/** In this order intents go, those of one stage in the order of their arrival. */
export const stages = {
  endpointRemovals: 0,
  /** Those of the store's own word: new ones, and those whose record has changed. */
  ownEndpoints: 1,
  network: 2,
  sets: 3,
  newPolicies: 4,
  /** Those whose policy has changed. */
  endpoints: 5,
  policies: 6,
  routes: 7,
  routeRemovals: 8,
  policyRemovals: 9,
  setRemovals: 10,
  networkRemovals: 11,
} as const;

export type Stage = (typeof stages)[keyof typeof stages];

/** Of an intent about something that was told of before. */
export const stageOf: Readonly<Record<Intent['type'], Stage>> = {
  'workload-endpoint-remove': stages.endpointRemovals,
  'host-endpoint-remove': stages.endpointRemovals,
  'config-update': stages.network,
  'service-cidrs-update': stages.network,
  'host-update': stages.network,
  'pool-update': stages.network,
  'encapsulation-update': stages.network,
  'host-interface-update': stages.network,
  'host-interface-remove': stages.network,
  'ip-set-update': stages.sets,
  'ip-set-delta': stages.sets,
  'workload-endpoint-update': stages.endpoints,
  'host-endpoint-update': stages.endpoints,
  'profile-update': stages.policies,
  'policy-update': stages.policies,
  'route-update': stages.routes,
  'owner-update': stages.routes,
  'route-remove': stages.routeRemovals,
  'owner-remove': stages.routeRemovals,
  'policy-remove': stages.policyRemovals,
  'profile-remove': stages.policyRemovals,
  'ip-set-remove': stages.setRemovals,
  'pool-remove': stages.networkRemovals,
  'host-remove': stages.networkRemovals,
  'in-sync': stages.networkRemovals,
};

export const setKey = (id: IpSetId): string => `set ${id}`;

/** The thing that an intent is about: of two about the same, the later one counts. */
export function keyOf(intent: Intent): string {
  switch (intent.type) {
    case 'ip-set-update':
    case 'ip-set-delta':
    case 'ip-set-remove':
      return setKey(intent.id);
    case 'policy-update':
    case 'policy-remove':
      return `policy ${intent.id}`;
    case 'profile-update':
    case 'profile-remove':
      return `profile ${intent.name}`;
    case 'workload-endpoint-update':
    case 'workload-endpoint-remove':
      return `workload ${intent.id}`;
    case 'host-endpoint-update':
    case 'host-endpoint-remove':
      return `host endpoint ${intent.id}`;
    case 'host-interface-update':
    case 'host-interface-remove':
      return `interface ${intent.name}`;
    case 'host-update':
    case 'host-remove':
      return `host ${intent.hostname}`;
    case 'pool-update':
    case 'pool-remove':
      return `pool ${intent.name}`;
    case 'route-update':
    case 'route-remove':
      return `route ${intent.destination}`;
    case 'owner-update':
    case 'owner-remove':
      return `owner ${intent.destination}`;
    case 'config-update':
    case 'service-cidrs-update':
    case 'encapsulation-update':
    case 'in-sync':
      return intent.type;
  }
}

/**
 * What of a thing its users depend on. An endpoint's is its record: another one is news of the endpoint itself. A policy's
 * or profile's is where its chains are: when that changes, all its users have to change with it.
 */
export function formOf(intent: Intent): string {
  switch (intent.type) {
    case 'workload-endpoint-update':
    case 'host-endpoint-update':
      return String(intent.endpoint.revision);
    case 'policy-update':
      return `${intent.stage} ${intent.isForHosts}`;
    case 'profile-update':
      return String(intent.isForHosts);
    default:
      return '';
  }
}

/** Keys of the policies and profiles that an endpoint has. */
export function policyKeysOf(intent: Intent): readonly string[] {
  const policies = tiersOf(intent).flatMap(({ ingress, egress }) => [...policiesOf(ingress), ...policiesOf(egress)]);
  const profiles = 'endpoint' in intent ? intent.endpoint.profiles : [];
  return [...policies.map((id) => `policy ${id}`), ...profiles.map((name) => `profile ${name}`)];
}

/** An endpoint's own rules lead to groups of policies: how many. */
export function groupCountOf(intent: Intent): number {
  return tiersOf(intent).reduce((count, { ingress, egress }) => count + ingress.length + egress.length, 0);
}

function tiersOf(intent: Intent): readonly EndpointTier[] {
  if (intent.type === 'workload-endpoint-update') return intent.endpoint.tiers;
  if (intent.type !== 'host-endpoint-update') return [];
  const { tiers, forwardTiers, untrackedTiers, preDnatTiers } = intent.endpoint;
  return [...tiers, ...forwardTiers, ...untrackedTiers, ...preDnatTiers];
}

/** Keys of the sets that a policy or profile looks into. */
export function setKeysOf(intent: Intent): readonly string[] {
  if (intent.type !== 'policy-update' && intent.type !== 'profile-update') return [];
  const ids = [...intent.ingress, ...intent.egress].flatMap(setsIn);
  return [...new Set(ids)].map(setKey);
}

function setsIn({ source, destination }: ParsedRule): readonly IpSetId[] {
  return [source, destination].flatMap(({ sets, notSets, namedPorts, notNamedPorts }) => [
    ...sets,
    ...notSets,
    ...namedPorts,
    ...notNamedPorts,
  ]);
}
