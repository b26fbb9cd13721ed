export type {
  Backend,
  CallOptions,
  KeyValue,
  ListResult,
  ReadOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './backend.ts';
export { loadDatastoreConfig, type ConfigSource, type DatastoreConfig, type EtcdConfig } from './config.ts';
export { connectDatastore, type ConnectOptions } from './connect.ts';
export { DatastoreError, isDatastoreError, type DatastoreErrorCode } from './errors.ts';
export type { Log } from './log.ts';
export { startSyncer, type Syncer, type SyncerBatch, type SyncerOptions } from './syncer/syncer.ts';
export type { Update } from './syncer/snapshot-diff.ts';
