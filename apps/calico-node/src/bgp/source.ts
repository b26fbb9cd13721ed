import { existsSync } from 'node:fs';
import type { NodePaths } from '@calico-node/service';
import { birdSocket } from '../supervisor/bird-component.ts';
import { birdSource } from './bird-source.ts';
import { nativeSource } from './native-source.ts';
import type { BgpSource } from './report.ts';

/**
 * The node's BGP daemon: BIRD where CALICO_BGP_BACKEND says so, or where only BIRD has a socket; else our own.
 */
export function bgpSource(paths: NodePaths, env: Readonly<Record<string, string | undefined>>): BgpSource {
  const chosen = env['CALICO_BGP_BACKEND'] ?? '';
  const isBird =
    chosen === 'bird' ||
    (chosen === '' && !existsSync(paths.bgpSocket) && existsSync(birdSocket(paths.runDir, 'bird')));
  return isBird ? birdSource(paths.runDir) : nativeSource(paths.bgpSocket);
}
