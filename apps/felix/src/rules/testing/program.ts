/** A store's way through the calculation graph to rules, and the world that the interpreter needs. */
import { cidrContains, parseNodeName, type Cidr, type Family } from '@calico-node/net';
import { CalcGraph, type StoreUpdate } from '../../calc/calc-graph.ts';
import type { HostEndpointId } from '../../calc/endpoint-id.ts';
import type { IntentBatch, LocalHostEndpoint } from '../../calc/intents.ts';
import { ipvsServicesSet, splitIpPortMember, type IpPortMember } from '../../calc/ip-set.ts';
import type { IntentMirror } from '../../calc/testing/intent-mirror.ts';
import type { HostInterface } from '@calico-node/policy';
import type { HostAttachment } from '../host-chains.ts';
import { HostAttachments } from '../host-interfaces.ts';
import type { PacketWorld } from '../interpret.ts';
import type { Ruleset } from '../model.ts';
import { defaultRuleOptions, type RuleOptions } from '../options.ts';
import { hostAddresses } from './random-world.ts';
import { feed } from './world-updates.ts';
import { renderRuleset } from '../render-ruleset.ts';

/** Everything that `node1` wants of its dataplane. Throws where calc refuses one of the values. */
export function calculate(updates: readonly StoreUpdate[]): IntentBatch {
  const graph = new CalcGraph({ hostname: parseNodeName('node1') });
  for (const update of updates) feed(graph, update);
  graph.onInSync();
  const batch = graph.flush();
  const refused = batch.warnings.find(({ code }) => code === 'invalid-value');
  if (refused !== undefined) throw new Error(`${refused.subject}: ${refused.message}`);
  return batch;
}

export function render(
  { policies, profiles, endpoints, hostEndpoints, serviceCidrs }: IntentMirror,
  family: Family,
  options: Partial<RuleOptions> = {},
  interfaces: readonly HostInterface[] = [],
): Ruleset {
  return renderRuleset(
    {
      policies: policies.values(),
      profiles: profiles.values(),
      endpoints: endpoints.values(),
      serviceCidrs,
      hostAttachments: attachmentsOf(hostEndpoints.values(), interfaces),
    },
    family,
    { ...defaultRuleOptions, ...options },
  );
}

/** The host endpoints on the interfaces that they cover. */
export function attachmentsOf(
  endpoints: Iterable<LocalHostEndpoint>,
  interfaces: readonly HostInterface[],
): readonly HostAttachment[] {
  const attachments = new HostAttachments();
  for (const endpoint of endpoints)
    attachments.take({ type: 'host-endpoint-update', id: endpoint.name as HostEndpointId, endpoint });
  for (const { name, addresses } of interfaces) attachments.take({ type: 'host-interface-update', name, addresses });
  return attachments.list();
}

/** A host without services in IPVS, with the mirror's IP sets. */
export function kernelWorld(mirror: IntentMirror): PacketWorld {
  const members = (id: string, kind: 'net' | 'ip-port'): readonly (Cidr | IpPortMember)[] => {
    if (id === ipvsServicesSet) return [];
    const set = mirror.sets.get(id);
    if (set?.kind !== kind) throw new Error(`no set ${id} of kind ${kind}`);
    return [...set.members];
  };
  return {
    inSet: (id, ip) => members(id, 'net').some((cidr) => cidrContains(cidr as Cidr, ip)),
    inPortSet: (id, ip, protocol, number) =>
      members(id, 'ip-port').some((member) => {
        const parts = splitIpPortMember(member as IpPortMember);
        return parts.ip === ip && parts.protocol === protocol && parts.port === number;
      }),
    isLocal: (ip) => Object.values(hostAddresses).includes(ip),
  };
}
