export { Ipam, type AssignIpRequest, type AutoAssignRequest, type AutoAssignResult, type IpamOptions } from './ipam.ts';
export type { Clock } from './clock.ts';
export type { ClaimedBlocks, ReleaseOptions } from './host-blocks.ts';
export { loadBalancer, type Host } from './store.ts';
export type { Assigned } from './auto-assign.ts';
export type { Release } from './block.ts';
export { IpamError, isIpamError, type IpamErrorCode } from './errors.ts';
export type { IntendedUse } from './pools.ts';
export { allocationsOf, ownerOf, type Allocation } from './allocations.ts';
export { blockProblem } from './block-problem.ts';
export {
  checkConsistency,
  type AddressUse,
  type CheckedAllocation,
  type Consistency,
  type ConsistencyInputs,
} from './consistency.ts';
export { isMachineHandle, machineHandle } from './machine-handle.ts';
export { handOverTo, isOwner, type Owned, type OwnerChange, type Owners, type OwningPod } from './owners.ts';
export { utilizationOf, type BlockUse, type PoolUse, type Utilization } from './utilization.ts';
export { maxBatch, NodeAllocator, type NodeAllocatorOptions } from './warm/node-allocator.ts';
export { rehearseAllocations } from './warm/rehearse.ts';
export type { WarmAssign, WarmOutcome, WarmRelease, WarmRequest } from './warm/requests.ts';
