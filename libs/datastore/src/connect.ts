import type { Backend } from './backend.ts';
import type { DatastoreConfig } from './config.ts';
import { EtcdBackend } from './etcd/etcd-backend.ts';
import { parseEndpoint } from './etcd/endpoints.ts';
import type { WatchTiming } from './etcd/watch-stream.ts';
import { silentLog, type Log } from './log.ts';

export interface ConnectOptions {
  readonly log?: Log | undefined;
  /** Closes the connection. */
  readonly signal?: AbortSignal | undefined;
  /** How soon a watch notices a silent connection; for tests. */
  readonly watchTiming?: Partial<WatchTiming>;
}

/**
 * The store that a configuration names. Nothing is connected before the first call; a store that is
 * away makes calls fail with `unavailable`, and one that returns is used at once.
 * @throws DatastoreError `config` when an endpoint is not a URL.
 */
export function connectDatastore(config: DatastoreConfig, options: ConnectOptions = {}): Backend {
  for (const endpoint of config.endpoints) parseEndpoint(endpoint);
  const backend = new EtcdBackend(config, options.log ?? silentLog, options.watchTiming);
  options.signal?.addEventListener(
    'abort',
    () => {
      backend.close();
    },
    { once: true },
  );
  return backend;
}
