import { join } from 'node:path';
import { birdCommand, birdSocket, parseBirdStatus, type BirdName } from '@calico-node/bird';
import type { ComponentSpec } from './component.ts';

/** Where confd puts BIRD's files, by its own rule. */
export function birdDirectory(env: Readonly<Record<string, string | undefined>>): string {
  return env['CALICO_BIRD_CONFIG_DIR'] ?? '/etc/calico/confd/config';
}

export interface BirdLayout {
  readonly runDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * BIRD 2 as a component, one for each family as in Calico. It starts once confd has written its file, keeps the
 * kernel's routes through a restart (`-R`), and is told to end as for a graceful restart, so that its neighbours
 * keep our routes (RFC 4724).
 */
export function birdComponent(name: BirdName, { runDir, env }: BirdLayout): ComponentSpec {
  const file = join(birdDirectory(env), `${name}.cfg`);
  const socket = birdSocket(runDir, name);
  return {
    name,
    command: 'bird',
    args: ['-R', '-d', '-c', file, '-s', socket],
    argv0: name,
    env,
    after: [],
    needsFile: { path: file, madeBy: 'confd' },
    probe: async (signal) => {
      try {
        parseBirdStatus(await birdCommand(socket, 'show status', { timeoutMs: 2_000, signal }));
        return { ready: true, reason: '' };
      } catch (error) {
        return { ready: false, reason: error instanceof Error ? error.message : String(error) };
      }
    },
    end: async () => {
      await birdCommand(socket, 'graceful restart', { timeoutMs: 1_000 });
    },
  };
}
