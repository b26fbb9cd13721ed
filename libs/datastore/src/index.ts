export {
  maxCommitSize,
  type Backend,
  type CallOptions,
  type Change,
  type Commit,
  type CommitResult,
  type Guard,
  type KeyValue,
  type ListResult,
  type ReadOptions,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './backend.ts';
export { loadDatastoreConfig, type ConfigSource, type DatastoreConfig, type EtcdConfig } from './config.ts';
export { connectDatastore, type ConnectOptions } from './connect.ts';
export { openDatastore } from './open.ts';
export { DatastoreError, isDatastoreError, type DatastoreErrorCode } from './errors.ts';
export type { Log } from './log.ts';
export { startSyncer, type Syncer, type SyncerBatch, type SyncerOptions } from './syncer/syncer.ts';
export type { Update } from './syncer/snapshot-diff.ts';
export {
  Resources,
  type DeleteOptions,
  type EndpointDraft,
  type ListOptions,
  type Premise,
  type ResourceList,
  type ResourcesOptions,
} from './resources/resources.ts';
export { changeResource } from './resources/change-resource.ts';
export { CALICO_VERSION, type Initialization } from './resources/initialize.ts';
export type { IpamCleanup } from './resources/ipam-cleanup.ts';
export type { ResourceEvent, ResourceWatch } from './resources/watch-resources.ts';
