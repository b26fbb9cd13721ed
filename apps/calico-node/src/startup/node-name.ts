import { parseNodeName, type NodeName } from '@calico-node/net';
import { ConfigError } from '@calico-node/service';
import type { Variables } from './env-reader.ts';

/**
 * The node's name: NODENAME, else what an earlier start-up wrote to the node name file, else HOSTNAME, else
 * the system's host name; the latter two in lower case.
 *
 * @throws ConfigError when what is found is no node name, naming where it came from.
 */
export function determineNodeName(
  env: Variables,
  stored: string | undefined,
  systemHostname: string,
): { readonly name: NodeName; readonly source: string } {
  const sources: readonly (readonly [source: string, value: string])[] = [
    ['NODENAME', env['NODENAME']?.trim() ?? ''],
    ['the node name file', stored?.trim() ?? ''],
    ['HOSTNAME', env['HOSTNAME']?.trim().toLowerCase() ?? ''],
    ['the host name', systemHostname.trim().toLowerCase()],
  ];
  const [source, value] = sources.find(([, candidate]) => candidate !== '') ?? ['the host name', ''];
  try {
    return { name: parseNodeName(value), source };
  } catch (error) {
    throw new ConfigError(
      `NODENAME='${value}' (from ${source}): must be a node name: lower-case letters, digits, - and . (RFC 1123)`,
      { cause: error },
    );
  }
}
