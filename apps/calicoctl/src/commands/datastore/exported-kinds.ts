import type { Kind } from '@calico-node/model';

/**
 * What `datastore migrate export` prints, in this order: tiers before the policies in them, nodes before what is
 * named after one. Workload endpoints and profiles are not exported, since Kubernetes has them.
 */
export const EXPORTED_KINDS = [
  'IPPool',
  'BGPPeer',
  'Tier',
  'GlobalNetworkPolicy',
  'StagedGlobalNetworkPolicy',
  'GlobalNetworkSet',
  'HostEndpoint',
  'KubeControllersConfiguration',
  'NetworkPolicy',
  'StagedNetworkPolicy',
  'StagedKubernetesNetworkPolicy',
  'NetworkSet',
  'Node',
  'BGPConfiguration',
  'FelixConfiguration',
  'IPReservation',
  'BGPFilter',
] as const satisfies readonly Kind[];
