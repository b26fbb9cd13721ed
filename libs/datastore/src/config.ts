import { readConfigFile } from './config-file.ts';
import { configOfSpec, specOfEnvironment, type EtcdConfig } from './etcd-config.ts';

export type { EtcdConfig } from './etcd-config.ts';

export type DatastoreConfig = EtcdConfig;

export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A CalicoAPIConfig file; when it exists the environment is not read. */
  readonly configFile?: string | undefined;
}

/**
 * Reads the connection's configuration as Calico's components do: a CalicoAPIConfig file when one is given, else
 * the environment. Key, certificate and CA files are read at once, so that a wrong path is found here.
 *
 * @throws DatastoreError `config`, naming the setting.
 */
export function loadDatastoreConfig({ env, configFile }: ConfigSource): DatastoreConfig {
  return configFile === undefined
    ? configOfSpec(specOfEnvironment(env), 'the environment')
    : configOfSpec(readConfigFile(configFile), configFile);
}
