import { felixV1 } from '@calico-node/rpc';
import { routeText } from './describe-route.ts';

const states: Readonly<Record<number, string>> = {
  [felixV1.EndpointState.UP]: 'up',
  [felixV1.EndpointState.DOWN]: 'down',
  [felixV1.EndpointState.ERROR]: 'error',
};

export function stateText(state: felixV1.EndpointState): string {
  return states[state] ?? 'unknown';
}

const stages: Readonly<Record<string, string>> = {
  untracked: ', untracked',
  'pre-dnat': ', before DNAT',
  forward: ', of what is forwarded',
};

/** The answer for a reader: what the store says of the endpoint, what applies to it, what the kernel has of it. */
export function describeEndpoint(answer: felixV1.ExplainEndpointResponse): string {
  const { endpoint, tiers, profiles, routes, chains, missing } = answer;
  const lines = [
    ...describeHead(answer),
    '',
    'Policy, in the order in which it is asked:',
    ...tiers.flatMap(describeTier),
    ...profiles.map((profile) => `  ${describeProfile(profile)}`),
    ...(tiers.length + profiles.length === 0 ? ['  none: everything is denied'] : []),
    '',
    'In the kernel:',
    ...routes.map((route) => `  ${describeRoute(route, endpoint?.interfaceName ?? '')}`),
    ...chains.map((chain) => `  ${describeChain(chain)}`),
    ...(missing.length === 0 ? [] : ['', 'Missing there:', ...missing.map((each) => `  ${each}`)]),
  ];
  return `${lines.join('\n')}\n`;
}

function describeHead({ endpoint, hostEndpoint, revision, labels }: felixV1.ExplainEndpointResponse): string[] {
  const labelText = listed(Object.entries(labels).map(([name, value]) => `${name}=${value}`));
  if (hostEndpoint !== undefined) {
    const { name, interfaceName, expectedIps, interfaces } = hostEndpoint;
    const wanted = interfaceName === '*' ? 'every interface that no other host endpoint covers' : interfaceName;
    return [
      `Endpoint:   host endpoint ${name} (revision ${revision})`,
      `Interface:  ${wanted === '' ? 'any that has one of its addresses' : wanted}`,
      `Addresses:  ${listed(expectedIps)}`,
      `Labels:     ${labelText}`,
      `Covers:     ${listed(interfaces)}`,
    ];
  }
  const { id, interfaceName = '', addresses = [], state = 0, reason = '' } = endpoint ?? {};
  return [
    `Endpoint:   ${id?.workloadId ?? ''} ${id?.endpointId ?? ''} (${id?.orchestratorId ?? ''}, revision ${revision})`,
    `Interface:  ${interfaceName}`,
    `Addresses:  ${listed(addresses)}`,
    `Labels:     ${labelText}`,
    `State:      ${stateText(state)}${reason === '' ? '' : `: ${reason}`}`,
  ];
}

function describeTier({ name, defaultAction, policies }: felixV1.AppliedTier): string[] {
  const isEnforced = policies.some(({ staged }) => !staged);
  return [
    `  tier ${name}${isEnforced ? `, at its end ${defaultAction}` : ''}`,
    ...policies.map(
      ({ kind, namespace, name: policy, revision, directions, staged, stage, onForward }) =>
        `    ${kind} ${namespace === '' ? '' : `${namespace}/`}${policy}: ${directions.join(', ')}${stages[stage] ?? (onForward ? ', also of what is forwarded' : '')}${staged ? ', not enforced' : ''} (revision ${revision})`,
    ),
  ];
}

function describeProfile({ name, revision, missing }: felixV1.AppliedProfile): string {
  if (missing) return `Profile ${name}: does not exist, so that what comes to it is denied`;
  return `Profile ${name} (${revision === '' ? 'built in' : `revision ${revision}`})`;
}

function describeRoute({ address, route, leadsToIt }: felixV1.EndpointRoute, interfaceName: string): string {
  if (route === undefined) return `no route for ${address}`;
  return `route for ${address}: ${routeText(route)}${leadsToIt ? '' : `, which does not lead to ${interfaceName}`}`;
}

function describeChain({ direction, family, stage, name, missing, rules }: felixV1.EndpointChain): string {
  const what = missing ? 'missing' : `${rules} rule${rules === 1 ? '' : 's'}`;
  return `chain for ${direction}${stages[stage] ?? ''}, IPv${family}: ${name}, ${what}`;
}

function listed(entries: readonly string[]): string {
  return entries.length === 0 ? 'none' : entries.join(', ');
}
