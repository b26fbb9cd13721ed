/** Intents of a node full of workloads, as calc would give them to a packet filter driver. */
import { parseCidr, type Cidr } from '@calico-node/net';
import { workloadEndpointIdOf } from '../../../apps/felix/src/calc/endpoint-id.ts';
import type { Intent, IpSetDelta, IpSetUpdate, PolicyUpdate } from '../../../apps/felix/src/calc/intents.ts';
import { allHostsSet, masqueradePoolsSet, networkPoolsSet, type IpSetId } from '../../../apps/felix/src/calc/ip-set.ts';
import { anyEntity, type ParsedRule } from '../../../apps/felix/src/calc/parsed-rule.ts';
import { policyIdOf, type PolicyId } from '../../../apps/felix/src/calc/policy-id.ts';

/** What calc announces first of all. */
export const start: readonly Intent[] = [
  { type: 'config-update', global: undefined, selected: [], node: undefined, clusterInformation: undefined },
  ...[networkPoolsSet, masqueradePoolsSet, allHostsSet].map(
    (id) => ({ type: 'ip-set-update', id, kind: 'net', members: [] }) as const,
  ),
  { type: 'in-sync' },
];

export const setId = (index: number): IpSetId => `s:bench-${index}` as IpSetId;

const policyName = (index: number) => ({ kind: 'GlobalNetworkPolicy', name: `policy-${index}` }) as const;
const policyId = (index: number): PolicyId => policyIdOf(policyName(index));

/** The `index`th address of 10.0.0.0/8, from 10.1.0.0 on. */
export function host(index: number): Cidr {
  return parseCidr(`10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`);
}

export function ipSet(index: number, size: number, isDual = false): IpSetUpdate {
  const hosts = Array.from({ length: size }, (_, member) => host(member));
  return {
    type: 'ip-set-update',
    id: setId(index),
    kind: 'net',
    members: isDual ? [...hosts, ...hosts.map((_, member) => parseCidr(`fd00::${member.toString(16)}/128`))] : hosts,
  };
}

export function memberChange(index: number, member: number, change: 'add' | 'remove'): IpSetDelta {
  const members = [host(member)];
  const [added, removed] = change === 'add' ? [members, []] : [[], members];
  return { type: 'ip-set-delta', id: setId(index), kind: 'net', added, removed };
}

/** TCP to one port from the members of a set; the ports begin at `firstPort`. */
function allow(set: number, port: number): ParsedRule {
  return {
    action: 'allow',
    protocol: 6,
    source: { ...anyEntity, sets: [setId(set)] },
    destination: { ...anyEntity, ports: [{ first: port, last: port }] },
  };
}

export function policy(index: number, rules: number, sets: number, firstPort: number): PolicyUpdate {
  return {
    type: 'policy-update',
    id: policyId(index),
    policy: policyName(index),
    tier: 'default',
    stage: 'normal',
    isForHosts: false,
    ingress: Array.from({ length: rules }, (_, rule) => allow((index + rule) % sets, firstPort + rule)),
    egress: [],
  };
}

/** A profile that lets everything out. */
export const openProfile: Intent = {
  type: 'profile-update',
  name: 'open',
  isForHosts: false,
  ingress: [],
  egress: [{ action: 'allow', source: anyEntity, destination: anyEntity }],
};

/** Calico's names are made of a hash, so that they spread over all characters. */
export function interfaceOf(index: number): string {
  return `cali${((index * 2654435761) >>> 0).toString(16).padStart(8, '0')}`;
}

/** A workload under these policies, which are about what comes to it, on an interface of its own. */
export function workload(index: number, policies: readonly number[], profiles: readonly string[] = []): Intent {
  const identity = { orchestratorId: 'cni', workloadId: `default/w${index}`, endpointId: 'eth0' };
  const groups = policies.map((each) => ({ selector: `role == '${each}'`, policies: [policyId(each)] }));
  return {
    type: 'workload-endpoint-update',
    id: workloadEndpointIdOf(identity),
    endpoint: {
      identity,
      revision: 1n,
      adminUp: true,
      interfaceName: interfaceOf(index),
      addresses: [host(index)],
      allowedSourcePrefixes: [],
      nats: [],
      tiers: policies.length === 0 ? [] : [{ name: 'default', defaultAction: 'Deny', ingress: groups, egress: [] }],
      profiles,
    },
  };
}
