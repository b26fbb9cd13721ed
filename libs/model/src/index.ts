export { ValidationError, type Issue } from './validation-error.ts';
export { isKind, kinds, type Kind } from './kinds/kind-names.ts';
export type { Resource, SpecOf } from './kinds/registry.ts';
export type { ObjectMeta } from './kinds/object-meta.ts';
export type { EntityRule, Rule } from './kinds/rule.ts';
export type { BGPConfiguration } from './kinds/bgp-configuration.ts';
export type { BGPFilter } from './kinds/bgp-filter.ts';
export type { BGPPeer } from './kinds/bgp-peer.ts';
export type { CalicoNodeStatus } from './kinds/calico-node-status.ts';
export type { ClusterInformation } from './kinds/cluster-information.ts';
export type { FelixConfiguration } from './kinds/felix-configuration.ts';
export type { HostEndpoint } from './kinds/host-endpoint.ts';
export type { IPAMConfiguration } from './kinds/ipam-configuration.ts';
export type { IPReservation } from './kinds/ip-reservation.ts';
export type { KubeControllersConfiguration } from './kinds/kube-controllers-configuration.ts';
export type { LabelSelector, StagedKubernetesNetworkPolicy } from './kinds/staged-kubernetes-network-policy.ts';
export type { IPPool } from './kinds/ip-pool.ts';
export type {
  GlobalNetworkPolicy,
  NetworkPolicy,
  StagedGlobalNetworkPolicy,
  StagedNetworkPolicy,
} from './kinds/network-policies.ts';
export { NAMESPACE_LABEL, type GlobalNetworkSet, type NetworkSet } from './kinds/network-sets.ts';
export type { Node } from './kinds/node.ts';
export { DEFAULT_TIER, TIER_LABEL } from './kinds/policy.ts';
export { DEFAULT_ALLOW_PROFILE, type Profile } from './kinds/profile.ts';
export { DEFAULT_TIER_ORDER, RESERVED_TIERS, type Tier } from './kinds/tier.ts';
export { ORCHESTRATOR_LABEL, type WorkloadEndpoint } from './kinds/workload-endpoint.ts';
export { API_VERSION } from './kinds/definition.ts';
export {
  DSCP_VALUES,
  parseDscp,
  portMatchOf,
  PROTOCOL_NUMBERS,
  protocolHasPorts,
  protocolNumber,
  type Dscp,
  type Port,
  type PortMatch,
  type Protocol,
} from './schema/numorstring.ts';
export { splitIpPort } from './checks/nets.ts';

export { findKind, kindInfo, type KindInfo } from './kind-info.ts';
export {
  describeKind,
  type FieldDescription,
  type KindDescription,
  type StructDescription,
} from './kinds/describe-kind.ts';
export type { Cell, ColumnContext } from './kinds/columns.ts';
export { decodeResource, encodeResource, parseResource, resourceToJson, type ParseOptions } from './resource-codec.ts';
export { outlineWorkloadEndpoint, type WorkloadEndpointOutline } from './workload-endpoint-outline.ts';
export {
  liveMigrationPrefix,
  parseResourceKey,
  resourceKey,
  resourcePrefix,
  type ResourceKey,
} from './resource-key.ts';
export {
  isWorkloadEndpointName,
  parseWorkloadEndpointName,
  workloadEndpointName,
  workloadEndpointNamePrefix,
  type ParsedWorkloadEndpointName,
  type WorkloadEndpointParts,
} from './workload-endpoint-name.ts';

export {
  DEFAULT_IPAM_CONFIG,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  encodeIpamConfig,
} from './ipam/codec.ts';
export {
  affinityKey,
  affinityPrefix,
  blockKey,
  blockPrefix,
  handleKey,
  handlePrefix,
  ipamConfigKey,
  ipamHostKey,
  parseAffinityKey,
  parseBlockKey,
  parseHandleKey,
  type AffinityKey,
  type AffinityType,
} from './ipam/keys.ts';
export type { AllocationAttribute, AllocationBlock, BlockAffinity, IpamConfig, IpamHandle } from './ipam/values.ts';

export {
  felixLastStatusKey,
  felixStatusKey,
  hostEndpointStatusKey,
  hostEndpointStatusPrefix,
  parseWorkloadEndpointStatusKey,
  workloadEndpointStatusKey,
  workloadEndpointStatusPrefix,
  type WorkloadEndpointStatusKey,
} from './status/keys.ts';
export {
  decodeEndpointStatus,
  decodeFelixStatus,
  encodeEndpointStatus,
  encodeEndpointStatusFile,
  encodeFelixStatus,
  type EndpointStatus,
  type FelixStatus,
} from './status/status.ts';

export { workloadEndpointStatusFileName } from './status/file-name.ts';
export { goJsonStringify, parseLosslessJson } from './go/go-json.ts';
export { formatGoDuration, parseGoDuration } from './go/go-duration.ts';
export { formatTime } from './go/go-time.ts';
export { ipSetKernelName, limitedId, podInterfaceName, policyId, type PolicyKind } from './identifiers.ts';
export { uniqueId } from '@calico-node/selector';
