import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isDatastoreError, loadDatastoreConfig, type DatastoreConfig } from '@calico-node/datastore';
import { NetParseError, parseNodeName, type NodeName } from '@calico-node/net';
import { ConfigError, nodePaths, type ServiceContext } from '@calico-node/service';

export interface IpamServiceConfig {
  /** Whose blocks are used when a request names no node. */
  readonly nodeName: NodeName;
  readonly socket: string;
  readonly datastore: DatastoreConfig;
}

/** Reads flags and environment. @throws ConfigError naming what is wrong. */
export function readConfig({ option, env }: Pick<ServiceContext, 'option' | 'env'>): IpamServiceConfig {
  const paths = nodePaths(env);
  const name = option('node-name') ?? nodeNameOfFile(paths.nodenameFile) ?? hostname().trim().toLowerCase();
  try {
    return {
      nodeName: parseNodeName(name),
      socket: option('socket') ?? paths.ipamSocket,
      datastore: loadDatastoreConfig({ env }),
    };
  } catch (error) {
    if (isDatastoreError(error, 'config') || error instanceof NetParseError) {
      throw new ConfigError(error.message, { cause: error });
    }
    throw error;
  }
}

/** The name that calico-node settled on at its start. */
function nodeNameOfFile(path: string): string | undefined {
  try {
    const name = readFileSync(path, 'utf8').trim();
    return name === '' ? undefined : name;
  } catch {
    return undefined;
  }
}
