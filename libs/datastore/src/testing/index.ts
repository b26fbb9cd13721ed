export { freePort, startEtcd, type EtcdOptions, type EtcdProcess } from './etcd-process.ts';
export { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';
