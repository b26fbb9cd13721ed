import { parseWorkloadEndpointName, type HostEndpoint, type Resource, type WorkloadEndpoint } from '@calico-node/model';
import { familyOf, splitCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import type { FlowAttachment } from '../flow-decision.ts';
import { memberOfHostEndpoint, memberOfWorkloadEndpoint } from '../members.ts';
import type { Member, MemberPort } from '../world.ts';

/** Somebody that traffic comes from or goes to. */
export interface Party {
  /** What a reader calls it. */
  readonly name: string;
  /** One of each family that it has, which stands for all of them. */
  readonly addresses: Readonly<Partial<Record<Family, IpAddress>>>;
  readonly ports: readonly MemberPort[];
  readonly attachment: FlowAttachment;
  /** Equal for endpoints that no selector can tell apart. */
  readonly likeness: string;
}

/** The endpoints among the resources, by their identity; only relevant labels tell them apart. Throws NetParseError. */
export function endpointParties(
  resources: Iterable<Resource>,
  isRelevant: (label: string) => boolean,
): ReadonlyMap<string, Party> {
  const parties = new Map<string, Party>();
  for (const resource of resources) {
    if (resource.kind !== 'WorkloadEndpoint' && resource.kind !== 'HostEndpoint') continue;
    const { name, namespace = '' } = resource.metadata;
    parties.set(`${resource.kind} ${namespace}/${name}`, partyOf(resource, isRelevant));
  }
  return parties;
}

function partyOf(resource: WorkloadEndpoint | HostEndpoint, isRelevant: (label: string) => boolean): Party {
  const { kind, metadata, spec } = resource;
  const member: Member =
    resource.kind === 'WorkloadEndpoint' ? memberOfWorkloadEndpoint(resource) : memberOfHostEndpoint(resource);
  const { labels, profiles, nets, ports } = member;
  const account = 'serviceAccountName' in spec ? spec.serviceAccountName : undefined;
  const ownLabels = Object.entries(metadata.labels ?? {})
    .filter(([label]) => isRelevant(label))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const common = {
    addresses: firstOfEach(nets),
    ports,
    likeness: JSON.stringify([kind, metadata.namespace, account, profiles, ownLabels]),
  };
  if (resource.kind === 'HostEndpoint') {
    const { name } = metadata;
    const endpoint = { kind: 'host', name, labels, profiles } as const;
    return { ...common, name: `host ${name}`, attachment: { type: 'host-interface', interfaceName: name, endpoint } };
  }
  const workload = parseWorkloadEndpointName(metadata.name)?.workload ?? metadata.name;
  const name = `${metadata.namespace ?? ''}/${workload}`;
  const endpoint = { kind: 'workload', name, labels, profiles } as const;
  return { ...common, name, attachment: { type: 'workload', endpoint } };
}

function firstOfEach(nets: readonly Cidr[]): Party['addresses'] {
  const addresses = nets.map((net) => splitCidr(net).ip);
  const found: Partial<Record<Family, IpAddress>> = {};
  for (const ip of addresses) found[familyOf(ip)] ??= ip;
  return found;
}
