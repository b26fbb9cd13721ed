import { existsSync } from 'node:fs';
import { bgpBackendOf, birdSocket } from '@calico-node/bird';
import type { NodePaths } from '@calico-node/service';
import { birdSource } from './bird-source.ts';
import { nativeSource } from './native-source.ts';
import type { BgpSource } from './report.ts';

/**
 * The node's BGP daemon: what the environment chooses; where it does not, BIRD if only that has a socket, else our own.
 */
export function bgpSource(paths: NodePaths, env: Readonly<Record<string, string | undefined>>): BgpSource {
  const chosen = bgpBackendOf(env);
  const isBird =
    chosen === 'bird' ||
    (chosen === undefined && !existsSync(paths.bgpSocket) && existsSync(birdSocket(paths.runDir, 'bird')));
  return isBird ? birdSource(paths.runDir) : nativeSource(paths.bgpSocket);
}
