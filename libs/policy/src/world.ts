import type { Cidr, IpAddress } from '@calico-node/net';
import type {
  GlobalNetworkPolicy,
  NetworkPolicy,
  Profile,
  StagedGlobalNetworkPolicy,
  StagedNetworkPolicy,
  Tier,
} from '@calico-node/model';
import type { Labels } from '@calico-node/selector';

/** A staged policy of Kubernetes' in Calico's words: `kubernetesPolicyOf` makes it. */
export type StagedKubernetesPolicy = Omit<StagedNetworkPolicy, 'kind'> & {
  readonly kind: 'StagedKubernetesNetworkPolicy';
};

/** The resources that are policies, enforced or staged. */
export type Policy =
  GlobalNetworkPolicy | NetworkPolicy | StagedGlobalNetworkPolicy | StagedNetworkPolicy | StagedKubernetesPolicy;

/** Whether the policy belongs to a namespace, and speaks of that alone. */
export function isNamespaced(
  policy: Policy,
): policy is Extract<Policy, NetworkPolicy | StagedNetworkPolicy | StagedKubernetesPolicy> {
  return policy.kind !== 'GlobalNetworkPolicy' && policy.kind !== 'StagedGlobalNetworkPolicy';
}

/** Something that selectors select: an endpoint of any host, or a network set. */
export interface Member {
  /** Its own labels; those that it inherits come from `profiles`. */
  readonly labels: Labels;
  /** Profiles whose labels it inherits: own labels win, then the first profile that has one. */
  readonly profiles: readonly string[];
  readonly nets: readonly Cidr[];
  readonly ports: readonly MemberPort[];
}

export interface MemberPort {
  readonly name: string;
  /** IP protocol number. */
  readonly protocol: number;
  readonly port: number;
}

/** One address that serves a service. */
export interface ServiceEndpoint {
  readonly ip: IpAddress;
  /** `protocol` by number. */
  readonly ports: readonly { readonly protocol: number; readonly port: number }[];
}

/** All that a verdict depends on beside the packet and its way. */
export interface PolicyWorld {
  readonly tiers: Iterable<Tier>;
  readonly policies: Iterable<Policy>;
  /** The profile of that name; the built-in `projectcalico-default-allow` need not be known. */
  profile(name: string): Profile | undefined;
  /** Who serves a service; without it no service has endpoints, as in the etcd datastore. */
  serviceEndpoints?(namespace: string, name: string): Iterable<ServiceEndpoint>;
  /** The networks of services' addresses that the cluster announces. */
  readonly serviceCidrs?: readonly Cidr[];
  /** Every member with a network that holds the address; others may come along. */
  membersAt(ip: IpAddress): Iterable<Member>;
}
