export { AttributeWriter } from './attribute-writer.ts';
export { Attributes, readAttributes, type Attribute } from './attributes.ts';
export { SyscallError, errnoName, type ErrnoName } from './errno.ts';
export { messageFlag, type NetlinkMessage, type NetlinkRequest } from './message.ts';
export { loadNative } from './native/load.ts';
export type { NativeTable } from './native/table.ts';
export { NetlinkError } from './netlink-error.ts';
export {
  NetlinkSocket,
  type BatchOutcome,
  type NetlinkSocketOptions,
  type TransactionOptions,
  type WatchHandlers,
} from './netlink-socket.ts';
export { Netns, inNetns, netnsInode, openNetns, openOwnNetns, type NetnsRef } from './netns.ts';
export { createNetns, deleteNetns } from './named-netns.ts';
