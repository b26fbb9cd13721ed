import { parseCidr } from '@calico-node/net';
import { workloadEndpointIdOf } from '../../src/calc/endpoint-id.ts';
import type { Intent, LocalWorkloadEndpoint, WorkloadEndpointUpdate } from '../../src/calc/intents.ts';
import { allHostsSet, masqueradePoolsSet, networkPoolsSet, type IpSetId } from '../../src/calc/ip-set.ts';
import { anyEntity, type ParsedEntity, type ParsedRule } from '../../src/calc/parsed-rule.ts';
import { policyIdOf } from '../../src/calc/policy-id.ts';

const identityOf = (name: string) => ({ orchestratorId: 'cni', workloadId: `default/${name}`, endpointId: 'eth0' });

export const endpointId = (name: string) => workloadEndpointIdOf(identityOf(name));

/** What calc announces first of all. */
export const start: readonly Intent[] = [
  { type: 'config-update', global: undefined, selected: [], node: undefined, clusterInformation: undefined },
  ...[networkPoolsSet, masqueradePoolsSet, allHostsSet].map(
    (id) => ({ type: 'ip-set-update', id, kind: 'net', members: [] }) as const,
  ),
  { type: 'in-sync' },
];

/** A workload on interface `cali<name>`, with policies of the default tier in both directions. */
export function endpoint(
  name: string,
  address: string,
  policies: readonly string[] = [],
  more: Partial<LocalWorkloadEndpoint> = {},
): WorkloadEndpointUpdate {
  const ids = policies.map((policy) => policyIdOf({ kind: 'GlobalNetworkPolicy', name: policy }));
  const groups = ids.map((id) => ({ selector: String(id), policies: [id] }));
  return {
    type: 'workload-endpoint-update',
    id: endpointId(name),
    endpoint: {
      identity: identityOf(name),
      revision: 1n,
      adminUp: true,
      interfaceName: `cali${name}`,
      addresses: [parseCidr(`${address}/32`)],
      allowedSourcePrefixes: [],
      nats: [],
      tiers: ids.length === 0 ? [] : [{ name: 'default', defaultAction: 'Deny', ingress: groups, egress: groups }],
      profiles: [],
      ...more,
    },
  };
}

export const removeEndpoint = (name: string): Intent => ({ type: 'workload-endpoint-remove', id: endpointId(name) });

export function rule(
  action: ParsedRule['action'],
  more: Partial<Omit<ParsedRule, 'source' | 'destination'>> & {
    readonly source?: Partial<ParsedEntity>;
    readonly destination?: Partial<ParsedEntity>;
  } = {},
): ParsedRule {
  return {
    ...more,
    action,
    source: { ...anyEntity, ...more.source },
    destination: { ...anyEntity, ...more.destination },
  };
}

export function policy(name: string, ingress: readonly ParsedRule[], egress: readonly ParsedRule[] = []): Intent {
  const identity = { kind: 'GlobalNetworkPolicy', name } as const;
  const applies = { tier: 'default', stage: 'normal', isForHosts: false } as const;
  return { type: 'policy-update', id: policyIdOf(identity), policy: identity, ...applies, ingress, egress };
}

export const removePolicy = (name: string): Intent => ({
  type: 'policy-remove',
  id: policyIdOf({ kind: 'GlobalNetworkPolicy', name }),
});

export const setId = (name: string): IpSetId => `s:${name}` as IpSetId;

export function netSet(name: string, members: readonly string[]): Intent {
  return { type: 'ip-set-update', id: setId(name), kind: 'net', members: members.map((text) => parseCidr(text)) };
}

export function netSetDelta(name: string, added: readonly string[], removed: readonly string[]): Intent {
  const parse = (texts: readonly string[]) => texts.map((text) => parseCidr(text));
  return { type: 'ip-set-delta', id: setId(name), kind: 'net', added: parse(added), removed: parse(removed) };
}
