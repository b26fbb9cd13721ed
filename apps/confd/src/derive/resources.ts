import type { BGPConfiguration, BGPFilter, BGPPeer, IPPool, Node, WorkloadEndpoint } from '@calico-node/model';
import { familyOf, NetParseError, parseCidrLoose, splitCidr, type Cidr } from '@calico-node/net';
import type { SecretLookup } from './password.ts';
import type { ServiceFacts } from './services.ts';

/** A block affinity of the rendering node, as the store has it. */
export interface BlockClaim {
  readonly cidr: Cidr;
  /** `confirmed`, `pending`, `pendingDeletion`, or empty in records from before the states (confirmed). */
  readonly state: string;
}

/** What a node's BGP configuration is made of: the whole of each kind, in any order. */
export interface BgpResources {
  readonly nodes: readonly Node[];
  readonly configurations: readonly BGPConfiguration[];
  readonly peers: readonly BGPPeer[];
  readonly filters: readonly BGPFilter[];
  readonly pools: readonly IPPool[];
  /** Only those of the rendering node. */
  readonly blocks: readonly BlockClaim[];
  /** Those on the rendering node; none where no BGPPeer asks for them. */
  readonly workloads: readonly WorkloadEndpoint[];
  /** Kubernetes' services; none where there is no Kubernetes. */
  readonly services: readonly ServiceFacts[];
}

export interface RenderOptions {
  /** The node to render for. */
  readonly nodeName: string;
  /** `CALICO_ROUTER_ID`: an IPv4 address, or `hash` to derive one from the node's name. */
  readonly routerId?: string | undefined;
  /** `CALICO_ADVERTISE_CLUSTER_IPS`: service ranges in place of those of the default BGPConfiguration. */
  readonly advertiseClusterIps?: readonly string[] | undefined;
  /** Where passwords are looked up; without it there are none. */
  readonly secretOf?: SecretLookup | undefined;
}

/** Something in the store that the configuration had to leave out or change. */
export interface RenderProblem {
  /** `BGPPeer(rack-1)`. */
  readonly subject: string;
  readonly message: string;
}

/** Takes the problems met while rendering. */
export type Complain = (subject: string, message: string) => void;

/** Resources of a kind in the order of their names: rendering must not depend on the store's order. */
export function byName<R extends { readonly metadata: { readonly name: string } }>(
  resources: readonly R[],
): readonly R[] {
  return resources.toSorted((a, b) => compareText(a.metadata.name, b.metadata.name));
}

/** Orders by code units, the same on every machine. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A network of the store in canonical text; none, with a complaint, for text that is no network. */
export function readCidr(text: string, subject: string, complain: Complain): Cidr | undefined {
  try {
    return parseCidrLoose(text);
  } catch (error) {
    if (!(error instanceof NetParseError)) throw error;
    complain(subject, error.message);
    return undefined;
  }
}

/** Whether it is one address, not a network. */
export function isSingleAddress(cidr: Cidr): boolean {
  return splitCidr(cidr).prefixLength === (familyOf(cidr) === 4 ? 32 : 128);
}

/** An AS number that is set: 0 is the store's "not set". */
export function givenAsn(asn: number | undefined): number | undefined {
  return asn === 0 ? undefined : asn;
}
