/**
 * What the calculation graph wants the dataplane to hold, as an ordered list of changes.
 *
 * The nouns are those of Felix's own protocol (`felix/proto/felixbackend.proto`). Inside a batch the
 * order is the order to program in: configuration, hosts, pools and encapsulations; IP sets; profiles and policies;
 * endpoints; routes; then removals the other way round: routes, endpoints, policies, profiles, IP sets, pools, hosts.
 * A consumer that applies a batch in one transaction may ignore the order; one that cannot is never
 * asked to refer to something that is not there.
 *
 * An `...-update` carries the whole new value of its object and replaces what was said of that id
 * before; it may repeat an unchanged value. A `...-remove` only names something announced before.
 * IP sets alone change by deltas.
 */
import type { Cidr, IpAddress, Mac, NodeName, WireguardKey } from '@calico-node/net';
import type { ClusterInformation, FelixConfiguration } from '@calico-node/model';
import type { HostEndpointId, WorkloadEndpointId, WorkloadEndpointIdentity } from './endpoint-id.ts';
import type { IpPortMember, IpSetId } from './ip-set.ts';
import type { ParsedRule } from './parsed-rule.ts';
import type { PolicyId, PolicyName } from './policy-id.ts';

/** Everything that changed since the last flush. */
export interface IntentBatch {
  /** The newest store revision that the batch reflects; 0n before the first update. */
  readonly revision: bigint;
  readonly intents: readonly Intent[];
  /** Facts for the log: what was refused or is missing, once per occurrence. */
  readonly warnings: readonly CalcWarning[];
}

export type Intent =
  | ConfigUpdate
  | HostUpdate
  | HostRemove
  | PoolUpdate
  | PoolRemove
  | EncapsulationUpdate
  | IpSetUpdate
  | IpSetDelta
  | IpSetRemove
  | ProfileUpdate
  | ProfileRemove
  | PolicyUpdate
  | PolicyRemove
  | WorkloadEndpointUpdate
  | WorkloadEndpointRemove
  | HostEndpointUpdate
  | HostEndpointRemove
  | ServiceCidrsUpdate
  | HostInterfaceUpdate
  | HostInterfaceRemove
  | RouteUpdate
  | RouteRemove
  | OwnerUpdate
  | OwnerRemove
  | InSync;

/** The datastore's word on Felix's own configuration: whole, each time any part of it changes. */
export interface ConfigUpdate {
  readonly type: 'config-update';
  /** FelixConfiguration `default`, when there is one. */
  readonly global: FelixConfiguration | undefined;
  /** Those whose nodeSelector selects our node, which win over `default`, the first over the others. */
  readonly selected: readonly FelixConfiguration[];
  /** FelixConfiguration `node.<our host>`, which wins over all. */
  readonly node: FelixConfiguration | undefined;
  readonly clusterInformation: ClusterInformation | undefined;
}

/** A Calico node's addresses (its Node resource); our own host's too. */
export interface HostUpdate {
  readonly type: 'host-update';
  readonly hostname: NodeName;
  readonly ipv4?: IpAddress;
  readonly ipv6?: IpAddress;
  /** The subnet that the address was given with: `10.0.0.0/24` of `10.0.0.5/24`. */
  readonly ipv4Subnet?: Cidr;
  readonly ipv6Subnet?: Cidr;
  /** Where its VXLAN devices are, when it has them. */
  readonly vxlan4?: VxlanEndpoint;
  readonly vxlan6?: VxlanEndpoint;
  /** Of its IP-in-IP device. */
  readonly ipipAddress?: IpAddress;
  readonly wireguard4?: WireguardEnd;
  readonly wireguard6?: WireguardEnd;
}

/** What a node says of its WireGuard device of one family. */
export interface WireguardEnd {
  /** Absent where the node takes nothing encrypted. */
  readonly publicKey?: WireguardKey;
  readonly address?: IpAddress;
}

/** A VXLAN device: the address that routes lead to, and the hardware address that frames to it carry. */
export interface VxlanEndpoint {
  readonly address: IpAddress;
  readonly mac: Mac;
}

export interface HostRemove {
  readonly type: 'host-remove';
  readonly hostname: NodeName;
}

/** The networks of services' addresses, both families, sorted: whole, each time any of them changes. */
export interface ServiceCidrsUpdate {
  readonly type: 'service-cidrs-update';
  readonly cidrs: readonly Cidr[];
}

/** An IPPool. Which packets to masquerade is in the IP sets of `ip-set.ts`; this is for routes. */
export interface PoolUpdate {
  readonly type: 'pool-update';
  readonly name: string;
  readonly cidr: Cidr;
  readonly ipipMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly vxlanMode: 'Never' | 'Always' | 'CrossSubnet';
  readonly natOutgoing: boolean;
}

export interface PoolRemove {
  readonly type: 'pool-remove';
  readonly name: string;
}

/** Which kinds of tunnel some pool asks for: whole, each time that changes. */
export interface EncapsulationUpdate {
  readonly type: 'encapsulation-update';
  readonly ipip: boolean;
  readonly vxlan4: boolean;
  readonly vxlan6: boolean;
}

/** How what is for a block, or for an address borrowed from one, gets to the host that has it. */
export interface RouteUpdate {
  readonly type: 'route-update';
  readonly destination: Cidr;
  readonly route: RouteTarget;
}

export interface RouteRemove {
  readonly type: 'route-remove';
  readonly destination: Cidr;
}

/** Which host has a destination, our own too, whatever its pool. Told only where somebody asked for it. */
export interface OwnerUpdate {
  readonly type: 'owner-update';
  readonly destination: Cidr;
  readonly host: NodeName;
}

export interface OwnerRemove {
  readonly type: 'owner-remove';
  readonly destination: Cidr;
}

/** Of VXLAN pools, and of those whose routes are Felix's to program (ProgramClusterRoutes), which otherwise come by BGP. */
export type RouteTarget =
  /** A block of our own: what no workload of ours has is nobody's. */
  | { readonly kind: 'blackhole' }
  /** To the host's own address, `direct` without a tunnel since it is in our subnet. */
  | { readonly kind: 'ipip' | 'direct'; readonly host: NodeName; readonly gateway: IpAddress }
  /** To the address of the host's VXLAN device. */
  | { readonly kind: 'vxlan'; readonly host: NodeName; readonly gateway: IpAddress };

/**
 * A set's whole content: its first announcement. Members of both address families share an id; the
 * dataplane keeps one kernel set per family. `net` members may overlap each other.
 */
export type IpSetUpdate =
  | { readonly type: 'ip-set-update'; readonly id: IpSetId; readonly kind: 'net'; readonly members: readonly Cidr[] }
  | {
      readonly type: 'ip-set-update';
      readonly id: IpSetId;
      readonly kind: 'ip-port';
      readonly members: readonly IpPortMember[];
    };

/** A change of a set announced before: `added` is disjoint from what it holds, `removed` is a part of it. */
export type IpSetDelta =
  | {
      readonly type: 'ip-set-delta';
      readonly id: IpSetId;
      readonly kind: 'net';
      readonly added: readonly Cidr[];
      readonly removed: readonly Cidr[];
    }
  | {
      readonly type: 'ip-set-delta';
      readonly id: IpSetId;
      readonly kind: 'ip-port';
      readonly added: readonly IpPortMember[];
      readonly removed: readonly IpPortMember[];
    };

/** No rule refers to the set any more. */
export interface IpSetRemove {
  readonly type: 'ip-set-remove';
  readonly id: IpSetId;
}

/** Rules of a profile that a local endpoint names. */
export interface ProfileUpdate {
  readonly type: 'profile-update';
  readonly name: string;
  /** A local host endpoint names it. */
  readonly isForHosts: boolean;
  readonly ingress: readonly ParsedRule[];
  readonly egress: readonly ParsedRule[];
}

export interface ProfileRemove {
  readonly type: 'profile-remove';
  readonly name: string;
}

/** When a policy is asked: `untracked` (doNotTrack) and `pre-dnat` (preDNAT) of host endpoints' packets alone. */
export type PolicyStage = 'normal' | 'untracked' | 'pre-dnat';

/** Rules of a policy that applies to a local endpoint. */
export interface PolicyUpdate {
  readonly type: 'policy-update';
  readonly id: PolicyId;
  readonly policy: PolicyName;
  readonly tier: string;
  readonly stage: PolicyStage;
  /** A local host endpoint is among the endpoints that it applies to. */
  readonly isForHosts: boolean;
  readonly ingress: readonly ParsedRule[];
  readonly egress: readonly ParsedRule[];
}

export interface PolicyRemove {
  readonly type: 'policy-remove';
  readonly id: PolicyId;
}

/** What a local workload may do and where it is attached. */
export interface WorkloadEndpointUpdate {
  readonly type: 'workload-endpoint-update';
  readonly id: WorkloadEndpointId;
  readonly endpoint: LocalWorkloadEndpoint;
}

export interface WorkloadEndpointRemove {
  readonly type: 'workload-endpoint-remove';
  readonly id: WorkloadEndpointId;
}

export interface LocalWorkloadEndpoint {
  readonly identity: WorkloadEndpointIdentity;
  /** Store revision of the endpoint's own record. */
  readonly revision: bigint;
  readonly adminUp: boolean;
  readonly interfaceName: string;
  readonly mac?: Mac;
  /** The workload's own addresses, each a /32 or /128, both families, sorted. */
  readonly addresses: readonly Cidr[];
  /** Source networks that the workload may use beside its own addresses. */
  readonly allowedSourcePrefixes: readonly Cidr[];
  readonly nats: readonly AddressTranslation[];
  /** Limits to its packets and connections; bandwidth is not among them. */
  readonly limits?: Readonly<Record<'ingress' | 'egress', TrafficLimits>>;
  /** Code point (0-63) of what it sends out of the cluster. */
  readonly dscp?: number;
  /** Tiers with at least one policy that selects the endpoint, in the order to apply. */
  readonly tiers: readonly EndpointTier[];
  /** Profiles in the order that the endpoint names them; each has been announced. */
  readonly profiles: readonly string[];
  /** The BGPPeer by which the workload is the node's peer (localWorkloadSelector). */
  readonly bgpPeer?: string;
  /** Addresses of the node that the workload opens BGP sessions to. */
  readonly peeringAddresses?: readonly IpAddress[];
}

/** What this host's own traffic may do, on the interfaces that the endpoint covers. */
export interface HostEndpointUpdate {
  readonly type: 'host-endpoint-update';
  readonly id: HostEndpointId;
  readonly endpoint: LocalHostEndpoint;
}

export interface HostEndpointRemove {
  readonly type: 'host-endpoint-remove';
  readonly id: HostEndpointId;
}

/** Which interfaces it covers depends on the host's interfaces: `rules/host-interfaces.ts`. */
export interface LocalHostEndpoint {
  readonly name: string;
  /** Store revision of the endpoint's own record. */
  readonly revision: bigint;
  /** `*` covers what no other endpoint does; '' covers the interfaces that have one of `expectedIps`. */
  readonly interfaceName: string;
  readonly expectedIps: readonly IpAddress[];
  /** Code point (0-63) of what leaves the cluster from `expectedIps`, whatever interface it leaves by. */
  readonly dscp?: number;
  /** What the host itself sends and receives. */
  readonly tiers: readonly EndpointTier[];
  /** What it only passes on (applyOnForward). */
  readonly forwardTiers: readonly EndpointTier[];
  /** Before connection tracking (doNotTrack). */
  readonly untrackedTiers: readonly EndpointTier[];
  /** Before destinations are translated (preDNAT); ingress only. */
  readonly preDnatTiers: readonly EndpointTier[];
  readonly profiles: readonly string[];
}

/**
 * An interface of the host that is no workload's: what has come or changed. Not from the graph but from the kernel, by
 * way of whoever watches it; it may come at any place of a batch.
 */
export interface HostInterfaceUpdate {
  readonly type: 'host-interface-update';
  readonly name: string;
  /** Both families. */
  readonly addresses: readonly IpAddress[];
}

export interface HostInterfaceRemove {
  readonly type: 'host-interface-remove';
  readonly name: string;
}

/** What is absent is not limited. */
export interface TrafficLimits {
  /** Packets per second. */
  readonly packetRate?: number;
  /** Packets at once. */
  readonly packetBurst?: number;
  readonly maxConnections?: number;
  readonly bandwidth?: BandwidthLimit;
}

export interface BandwidthLimit {
  /** Bits per second. */
  readonly rate: number;
  /** Bits at once after a pause; Calico's 4 Gibit when absent. */
  readonly burst?: number;
  /** The pace within a burst, bits per second: more than `rate`. */
  readonly peakRate?: number;
  /** Bytes that a burst may start with at once, when there is a peak rate; one packet when absent. */
  readonly peakBurst?: number;
}

/** A floating address: traffic to `external` is for `internal`. */
export interface AddressTranslation {
  readonly internal: IpAddress;
  readonly external: IpAddress;
}

/** A tier as one endpoint sees it: only policies that select it, in the order to apply. */
export interface EndpointTier {
  readonly name: string;
  /** What happens to a packet that the tier's policies leave undecided, in a direction that has any. */
  readonly defaultAction: 'Deny' | 'Pass';
  readonly ingress: readonly PolicyGroup[];
  readonly egress: readonly PolicyGroup[];
}

/** Policies that stand next to each other and select the same endpoints: what one endpoint has, so have the others. */
export interface PolicyGroup {
  /** Canonical form of the one selector that they have. */
  readonly selector: string;
  /** In the order to apply; at least one. */
  readonly policies: readonly PolicyId[];
}

/** The policies of groups, in the order to apply. */
export function policiesOf(groups: readonly PolicyGroup[]): readonly PolicyId[] {
  return groups.flatMap(({ policies }) => policies);
}

/** The store's first snapshot is in: from here on what is not wanted may be deleted. Once. */
export interface InSync {
  readonly type: 'in-sync';
}

/** Something that an operator should know of; `code` is closed, `subject` names the object. */
export interface CalcWarning {
  readonly code: 'invalid-value' | 'missing-profile';
  readonly subject: string;
  readonly message: string;
  readonly revision: bigint;
}
