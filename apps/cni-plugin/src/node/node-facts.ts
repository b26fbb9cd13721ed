import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseNodeName, type NodeName } from '@calico-node/net';
import type { NodePaths } from '@calico-node/service';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { NetworkConfig } from '../spec/network-config.ts';

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/**
 * The node's name: `nodename`, else the node name file, else `hostname`, else the host's own name. The file must exist unless the
 * configuration says that it need not: it is how calico-node says that it has registered the node.
 *
 * @throws CniError code 11 when the file is missing, 7 when the name is none.
 */
export function readNodeName(config: NetworkConfig, paths: NodePaths): NodeName {
  const path = config.nodenameFile === '' ? paths.nodenameFile : config.nodenameFile;
  const stored = readOptional(path);
  if (stored === undefined && !config.nodenameFileOptional) {
    throw new CniError(cniCodes.tryAgainLater, `${path} does not exist: calico-node has not registered this node yet`);
  }
  const candidates = [config.nodename, stored ?? '', config.hostname, hostname().trim().toLowerCase()];
  const text = candidates.find((name) => name !== '') ?? '';
  try {
    return parseNodeName(text);
  } catch (error) {
    throw new CniError(cniCodes.invalidConfig, `'${text}' is not a node name`, { cause: error });
  }
}

/**
 * The MTU for the workload's interface: the configuration's, else that of the node's MTU file, else 1500. The
 * file is read in any case, so that a broken one is noticed.
 *
 * @throws CniError code 11 when a required file is missing, 5 when it holds no number.
 */
export function readMtu(config: NetworkConfig, paths: NodePaths): number {
  const text = readOptional(paths.mtuFile);
  if (text === undefined) {
    if (config.requireMtuFile) {
      throw new CniError(cniCodes.tryAgainLater, `${paths.mtuFile} does not exist: felix has not written the MTU yet`);
    }
    return config.mtu === 0 ? 1500 : config.mtu;
  }
  const mtu = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(mtu <= 65535)) throw new CniError(cniCodes.ioFailure, `${paths.mtuFile}: '${text}' is not an MTU`);
  if (config.mtu !== 0) return config.mtu;
  return mtu === 0 ? 1500 : mtu;
}
