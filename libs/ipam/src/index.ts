export { Ipam, type AssignIpRequest, type AutoAssignRequest, type AutoAssignResult, type IpamOptions } from './ipam.ts';
export type { Clock } from './affinity.ts';
export type { Assigned } from './auto-assign.ts';
export type { Release } from './block.ts';
export { IpamError, isIpamError, type IpamErrorCode } from './errors.ts';
export type { IntendedUse } from './pools.ts';
