import { bgpConfiguration } from './bgp-configuration.ts';
import { bgpFilter } from './bgp-filter.ts';
import { bgpPeer } from './bgp-peer.ts';
import { blockAffinityResource } from './block-affinity.ts';
import { calicoNodeStatus } from './calico-node-status.ts';
import { clusterInformation } from './cluster-information.ts';
import type { API_VERSION, KindDefinition, ResourceOfDefinition } from './definition.ts';
import { felixConfiguration } from './felix-configuration.ts';
import { globalNetworkSet, networkSet } from './network-sets.ts';
import { hostEndpoint } from './host-endpoint.ts';
import { ipReservation } from './ip-reservation.ts';
import { ipamConfiguration } from './ipam-configuration.ts';
import { kubeControllersConfiguration } from './kube-controllers-configuration.ts';
import { ipPool } from './ip-pool.ts';
import {
  globalNetworkPolicy,
  networkPolicy,
  stagedGlobalNetworkPolicy,
  stagedNetworkPolicy,
} from './network-policies.ts';
import type { ObjectMeta } from './object-meta.ts';
import { node } from './node.ts';
import { profile } from './profile.ts';
import { stagedKubernetesNetworkPolicy } from './staged-kubernetes-network-policy.ts';
import { tier } from './tier.ts';
import { workloadEndpoint } from './workload-endpoint.ts';

/** Every kind that is stored, by name. */
export const definitions = {
  BGPConfiguration: bgpConfiguration,
  BGPFilter: bgpFilter,
  BGPPeer: bgpPeer,
  BlockAffinity: blockAffinityResource,
  CalicoNodeStatus: calicoNodeStatus,
  ClusterInformation: clusterInformation,
  FelixConfiguration: felixConfiguration,
  GlobalNetworkPolicy: globalNetworkPolicy,
  GlobalNetworkSet: globalNetworkSet,
  HostEndpoint: hostEndpoint,
  IPAMConfiguration: ipamConfiguration,
  IPPool: ipPool,
  IPReservation: ipReservation,
  KubeControllersConfiguration: kubeControllersConfiguration,
  NetworkPolicy: networkPolicy,
  NetworkSet: networkSet,
  Node: node,
  Profile: profile,
  StagedGlobalNetworkPolicy: stagedGlobalNetworkPolicy,
  StagedKubernetesNetworkPolicy: stagedKubernetesNetworkPolicy,
  StagedNetworkPolicy: stagedNetworkPolicy,
  Tier: tier,
  WorkloadEndpoint: workloadEndpoint,
} as const;

/** The kinds of resource in the store. */
export type Kind = keyof typeof definitions;

/** A stored object; a union over `K`, so that a check of `kind` narrows it. */
export type Resource<K extends Kind = Kind> = ResourceTypes[K];

type ResourceTypes = { readonly [P in Kind]: ResourceOfDefinition<(typeof definitions)[P]> };

export type SpecOf<K extends Kind> = { readonly [P in K]: Resource<P>['spec'] }[K];

export const kinds: readonly Kind[] = Object.values(definitions).map(({ kind }) => kind);

/** What every resource has, whatever its kind. */
export interface AnyResource {
  readonly kind: Kind;
  readonly apiVersion: typeof API_VERSION;
  readonly metadata: ObjectMeta;
  readonly spec: object;
}

/** A kind's table. */
export function definitionOf(kind: Kind): KindDefinition<Kind, AnyResource> {
  // Each table takes and gives resources of its own kind; callers hold to that by passing the resource's kind.
  return definitions[kind] as unknown as KindDefinition<Kind, AnyResource>;
}

const kindsByPlural: ReadonlyMap<string, Kind> = new Map(kinds.map((kind) => [definitions[kind].plural, kind]));

export function kindOfPlural(plural: string): Kind | undefined {
  return kindsByPlural.get(plural);
}

/** Whether it is the name of a stored kind, in the API's spelling. */
export function isKind(name: unknown): name is Kind {
  return typeof name === 'string' && Object.hasOwn(definitions, name);
}
