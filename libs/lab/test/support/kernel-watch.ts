import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { type LabState, onNode } from '../../src/index.ts';

type NodePlan = LabState['plan']['nodes'][number];

/** What the kernel tells of a node's namespace: each line is one change. */
export interface KernelWatch extends AsyncDisposable {
  /** What has changed so far. */
  changes(): Promise<readonly string[]>;
}

/** Neighbours come and go with traffic; counters are no change. */
const ofNoInterest = /^\[NEIGH\]|^Deleted \[NEIGH\]|^# new generation/;

/** Listens to the kernel's own notifications of links, addresses, routes, rules, settings and nf_tables. */
export async function watchKernel(state: LabState, node: NodePlan): Promise<KernelWatch> {
  const lines: string[] = [];
  const listen = (...command: string[]): ChildProcess => {
    const child = spawn('nsenter', [`--net=/run/netns/${node.netns}`, '--', ...command], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], CALICO_LAB: state.plan.name },
    });
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts.filter((line) => line.trim() !== '' && !ofNoInterest.test(line)));
    });
    return child;
  };
  const listeners = [
    listen('ip', 'monitor', 'link', 'address', 'route', 'rule', 'netconf', 'label'),
    listen('nft', 'monitor'),
  ];
  await Promise.all(listeners.map((child) => once(child, 'spawn')));
  // Both have to hear of a change that is made for them before their silence means anything.
  const heard = (): boolean => ['192.0.2.255', 'cnt-probe'].every((word) => lines.some((line) => line.includes(word)));
  while (!heard()) {
    await onNode(state, node, 'ip', ['route', 'replace', 'blackhole', '192.0.2.255/32']);
    await onNode(state, node, 'ip', ['route', 'delete', 'blackhole', '192.0.2.255/32']);
    await onNode(state, node, 'nft', ['add table ip cnt-probe; delete table ip cnt-probe']);
    await delay(100);
  }
  await delay(200);
  lines.length = 0;
  return {
    changes: async () => {
      await delay(500);
      return [...lines];
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of listeners) {
        const ended = once(child, 'exit');
        if (child.kill('SIGKILL')) await ended;
      }
    },
  };
}
