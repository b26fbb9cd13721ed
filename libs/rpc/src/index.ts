export * as bgpV1 from './gen/calico/bgp/v1/bgp.ts';
export * as felixV1 from './gen/calico/felix/v1/felix.ts';
export * as ipamV1 from './gen/calico/ipam/v1/ipam.ts';
export * as nodeV1 from './gen/calico/node/v1/node.ts';
export * as etcdV3 from './gen/etcd/etcd.ts';
export { connectUnix, callUnary, clientOf, type CallOptions } from './client.ts';
export { RpcError, isRpcError, type RpcCode } from './errors.ts';
export {
  GrpcChannel,
  type CallEvents,
  type ChannelCall,
  type ChannelCallOptions,
  type ChannelOptions,
} from './grpc/channel.ts';
export { serveUnix, unary, type RunningServer, type ServedServices } from './server.ts';
export type { CallContext, ServiceClient, ServiceHandlers, UnaryCallOptions, UnaryMethod } from './service.ts';
export { sessionStateNames } from './session-state.ts';
