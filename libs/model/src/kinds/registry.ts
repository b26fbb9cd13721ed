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
import type { Kind } from './kind-names.ts';
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

/** The table of every kind; each is made when it is first used. */
export const definitions = {
  get BGPConfiguration() {
    return bgpConfiguration;
  },
  get BGPFilter() {
    return bgpFilter;
  },
  get BGPPeer() {
    return bgpPeer;
  },
  get BlockAffinity() {
    return blockAffinityResource;
  },
  get CalicoNodeStatus() {
    return calicoNodeStatus;
  },
  get ClusterInformation() {
    return clusterInformation;
  },
  get FelixConfiguration() {
    return felixConfiguration;
  },
  get GlobalNetworkPolicy() {
    return globalNetworkPolicy;
  },
  get GlobalNetworkSet() {
    return globalNetworkSet;
  },
  get HostEndpoint() {
    return hostEndpoint;
  },
  get IPAMConfiguration() {
    return ipamConfiguration;
  },
  get IPPool() {
    return ipPool;
  },
  get IPReservation() {
    return ipReservation;
  },
  get KubeControllersConfiguration() {
    return kubeControllersConfiguration;
  },
  get NetworkPolicy() {
    return networkPolicy;
  },
  get NetworkSet() {
    return networkSet;
  },
  get Node() {
    return node;
  },
  get Profile() {
    return profile;
  },
  get StagedGlobalNetworkPolicy() {
    return stagedGlobalNetworkPolicy;
  },
  get StagedKubernetesNetworkPolicy() {
    return stagedKubernetesNetworkPolicy;
  },
  get StagedNetworkPolicy() {
    return stagedNetworkPolicy;
  },
  get Tier() {
    return tier;
  },
  get WorkloadEndpoint() {
    return workloadEndpoint;
  },
} as const satisfies { readonly [K in Kind]: { readonly kind: K } };

/** A stored object; a union over `K`, so that a check of `kind` narrows it. */
export type Resource<K extends Kind = Kind> = ResourceTypes[K];

type ResourceTypes = { readonly [P in Kind]: ResourceOfDefinition<(typeof definitions)[P]> };

export type SpecOf<K extends Kind> = { readonly [P in K]: Resource<P>['spec'] }[K];

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
