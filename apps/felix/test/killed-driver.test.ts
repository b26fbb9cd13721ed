import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { canConnect, NodeLab } from './support/node-lab.ts';
import { addresses } from './support/two-states.ts';

const program = join(import.meta.dirname, 'support/flapping-driver.ts');

/** Has the driver change the kernel's state without end, and kills it some time in between. */
async function runAndKill(driver: string, netns: string): Promise<void> {
  const child = spawn(process.execPath, [program, driver, netns], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    await delay(Math.random() * 200);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'close');
  }
}

describe.each([
  ['nftables', 2],
  ['iptables-legacy', 1],
  ['iptables-nft', 1],
])('policy by %s', (driver, kills) => {
  it('is the old or the new when the driver is killed half-way, and what is new is never open', async () => {
    using lab = new NodeLab();
    const client = lab.addWorkload('1', addresses.client);
    lab.addWorkload('2', addresses.server);
    lab.addWorkload('3', addresses.late);
    const reached = async (): Promise<readonly string[]> => {
      const probes = [addresses.server, addresses.late].flatMap((address) =>
        [80, 81, 82].map(async (port) => ((await canConnect(client, address, port)) ? [`${address}:${port}`] : [])),
      );
      return (await Promise.all(probes)).flat();
    };
    const wholes: readonly (readonly string[])[] = [
      [`${addresses.server}:80`],
      [`${addresses.server}:81`, `${addresses.late}:81`],
    ];
    for (let round = 0; round < kills; round++) {
      await runAndKill(driver, lab.netns);
      // A machine with much to do may not answer in time at first.
      await expect
        .poll(reached, { timeout: 60_000, interval: 100 })
        .toSatisfy((found: readonly string[]) => wholes.some((whole) => whole.join() === found.join()));
    }
  }, 240_000);
});
