export { AttributeWriter } from './attribute-writer.ts';
export { Attributes, readAttributes, type Attribute } from './attributes.ts';
export { SyscallError, errnoName, type ErrnoName } from './errno.ts';
export { messageFlag, type NetlinkMessage, type NetlinkRequest } from './message.ts';
export { loadNative } from './native/load.ts';
export type { NativeTable } from './native/table.ts';
export { NetlinkError } from './netlink-error.ts';
export { NetlinkSocket, type BatchOutcome, type TransactionOptions, type WatchHandlers } from './netlink-socket.ts';
export type { NetlinkSocketOptions } from './netlink-open.ts';
export { Netns, inNetns, inNewNetns, netnsInode, openNetns, openOwnNetns, type NetnsRef } from './netns.ts';
export { isolateNetwork } from './isolate-network.ts';
export { tryLockFile } from './file-lock.ts';
export { createNetns, deleteNetns } from './named-netns.ts';
export { readSysctl, writeSysctl, type SysctlOptions } from './sysctl.ts';
export { openTcpSocket, setTcpMd5Key, socketAddressOf, type TcpMd5Key, type TcpSocketOptions } from './tcp-socket.ts';
export { openUdpSocket, type UdpSocketOptions } from './udp-socket.ts';
export type { SocketAddress } from './socket-address.ts';
export { hasLinkKind } from './link-kinds.ts';
export { RouteSocket } from './route/route-socket.ts';
export { RouteMonitor, type RouteEvent, type RouteGroup, type RouteMonitorOptions } from './route/route-monitor.ts';
export type { InterfaceSettings } from './route/interface-settings.ts';
export type { Link, VxlanLink } from './route/link.ts';
export {
  createBridge,
  createIpip,
  createIfb,
  createVeth,
  createVxlan,
  createWireguard,
  deleteLink,
  setLink,
  type InetConf,
  type LinkChange,
  type LinkRef,
  type VethSpec,
  type VxlanSpec,
} from './route/link-requests.ts';
export { setXdp, type XdpChange, type XdpInterface, type XdpMode, type XdpProgram } from './route/xdp.ts';
export { addAddress, deleteAddress, type InterfaceIp, type InterfaceIpSpec } from './route/address.ts';
export { addRoute, deleteRoute, replaceRoute } from './route/route-codec.ts';
export { RouteBatch, type RouteWay } from './route/route-batch.ts';
export { addRule, deleteRule, type RoutingRule, type RoutingRuleSpec } from './route/rule.ts';
export {
  routeProtocol,
  routeTable,
  type NextHop,
  type Route,
  type RouteScope,
  type RouteSpec,
  type RouteType,
} from './route/route.ts';
export {
  deleteFdbEntry,
  deleteNeighbour,
  replaceFdbEntry,
  replaceNeighbour,
  type FdbEntry,
  type FdbSpec,
  type Neighbour,
  type NeighbourSpec,
  type NeighbourState,
} from './route/neighbour.ts';
