export { INGRESS_HANDLE, tcParent } from './numbers.ts';
export {
  addIngressQdisc,
  deleteIngressQdisc,
  deleteRootQdisc,
  replaceTokenBucket,
  type Qdisc,
  type QdiscStatistics,
} from './qdisc.ts';
export { isSamePolicer, type Policer } from './police.ts';
export { addPolicer, addRedirect, deleteIngressFilters, type IngressFilter } from './redirect.ts';
export { isSameTokenBucket, type TokenBucket } from './token-bucket.ts';
export { TrafficControlMonitor, type TrafficControlMonitorOptions } from './traffic-control-monitor.ts';
export { TrafficControlSocket } from './traffic-control-socket.ts';
