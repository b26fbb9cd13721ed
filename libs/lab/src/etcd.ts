import { join } from 'node:path';
import { sleep } from '@calico-node/service';
import { commandOf, processesOf, run, startDaemon } from './processes.ts';
import { labDir } from './state.ts';
import type { LabPlan } from './topology.ts';

/** Starts the lab's etcd in the fabric's namespace; its data outlives a restart. Gives its pid. */
export function startEtcd(plan: LabPlan): number {
  return startDaemon(
    {
      lab: plan.name,
      netns: plan.fabricNetns,
      command: 'etcd',
      args: [
        ...['--name', 'lab', '--data-dir', join(labDir(plan.name), 'etcd')],
        ...['--listen-client-urls', `http://0.0.0.0:2379`, '--advertise-client-urls', plan.etcdEndpoint],
        ...['--listen-peer-urls', 'http://127.0.0.1:2380', '--initial-advertise-peer-urls', 'http://127.0.0.1:2380'],
        ...['--initial-cluster', 'lab=http://127.0.0.1:2380'],
        // A lab is thrown away: what a power cut would lose does not matter, a slow disk would.
        '--unsafe-no-fsync',
      ],
    },
    join(labDir(plan.name), 'etcd.log'),
  );
}

/** Waits until etcd answers. @throws Error when it does not within the time limit. */
export async function waitForEtcd(plan: LabPlan, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const probe = await run({
      lab: plan.name,
      netns: plan.fabricNetns,
      command: 'etcdctl',
      args: ['--endpoints', '127.0.0.1:2379', '--dial-timeout', '1s', 'endpoint', 'health'],
      env: { ETCDCTL_API: '3' },
    });
    if (probe.code === 0) return;
    if (Date.now() > deadline) {
      throw new Error(`etcd does not answer; see ${join(labDir(plan.name), 'etcd.log')}: ${probe.stderr}`);
    }
    await sleep(50);
  }
}

/** Kills the lab's etcd, as a crash would; its data stay. Gives whether it ran. */
export function stopEtcd(lab: string): boolean {
  const pids = processesOf(lab).filter((pid) => commandOf(pid) === 'etcd');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  return pids.length > 0;
}
