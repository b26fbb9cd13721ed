import { readFileSync } from 'node:fs';
import { ConfigError } from '@calico-node/service';
import { EarlyConfigError, parseEarlyConfig, type EarlyConfig } from './early-config.ts';
import { readHostState } from './host.ts';
import { findThisNode, type ThisNode } from './this-node.ts';

export interface EarlySetup extends ThisNode {
  readonly config: EarlyConfig;
}

const variable = 'CALICO_EARLY_NETWORKING';

function read(file: string): EarlyConfig {
  try {
    return parseEarlyConfig(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof EarlyConfigError) {
      const message = `${variable}='${file}' has mistakes; nothing was changed\n  ${error.problems.join('\n  ')}`;
      throw new ConfigError(message, { cause: error });
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${variable}='${file}': must be a file that can be read: ${reason}`, { cause: error });
  }
}

/**
 * What CALICO_EARLY_NETWORKING says of this node; undefined where it is not set.
 *
 * @throws ConfigError for a file that is missing or wrong, or has no entry for a node with the host's addresses.
 */
export function readEarlySetup(env: Readonly<Record<string, string | undefined>>): EarlySetup | undefined {
  const file = env[variable]?.trim() ?? '';
  if (file === '') return undefined;
  const config = read(file);
  const { addresses, routes } = readHostState();
  const found = findThisNode(config, addresses, routes);
  if (found !== undefined) return { ...found, config };
  const own = addresses.map(({ ip }) => ip).join(', ');
  const known = config.nodes.flatMap(({ interfaceAddresses }) => interfaceAddresses).join(', ');
  const how = config.isNodeFromDefaultRoute ? "the default route's source" : 'an address of this host';
  throw new ConfigError(
    `${variable}='${file}': spec.nodes[].interfaceAddresses are ${known}: one must be ${how} (the host has ${own})`,
  );
}
