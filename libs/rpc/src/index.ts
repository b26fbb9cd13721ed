export * as bgpV1 from './gen/calico/bgp/v1/bgp.ts';
export * as felixV1 from './gen/calico/felix/v1/felix.ts';
export * as ipamV1 from './gen/calico/ipam/v1/ipam.ts';
export * as nodeV1 from './gen/calico/node/v1/node.ts';
export * as etcdV3 from './gen/etcd/watch.ts';
export { connectUnix, callUnary, type CallOptions } from './client.ts';
export { RpcError, isRpcError, type RpcCode } from './errors.ts';
export { serveUnix, unary, type RunningServer, type UnaryContext } from './server.ts';
export { sessionStateNames } from './session-state.ts';
