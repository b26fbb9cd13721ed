import type { Backend } from './backend.ts';
import type { ConfigSource } from './config.ts';
import { configOfSpec, specOfEnvironment } from './etcd-config.ts';
import { CommandBackend } from './etcd/command-backend.ts';
import { silentLog, type Log } from './log.ts';

/**
 * The store for a program that lives for one command: as `loadDatastoreConfig` and `connectDatastore`, but what
 * the command does not need is not loaded.
 * @throws DatastoreError `config`
 */
export async function openDatastore(source: ConfigSource, log: Log = silentLog): Promise<Backend> {
  const config =
    source.configFile === undefined
      ? configOfSpec(specOfEnvironment(source.env), 'the environment')
      : (await import('./config.ts')).loadDatastoreConfig(source);
  return new CommandBackend(config, log);
}
