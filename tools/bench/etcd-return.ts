/**
 * How soon after etcd's return a policy is in force: a lab of three nodes, etcd killed and kept away, started again;
 * then a policy is applied, and each kernel says when it had it.
 *
 * Usage: node tools/bench/etcd-return.ts [ROUNDS] [SECONDS AWAY]; after `make build`, as root.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  appliedAtMs,
  applyManifest,
  calicoctl,
  down,
  startEtcd,
  stopEtcd,
  up,
  waitForEtcd,
} from '../../libs/lab/src/index.ts';

const rounds = Number(process.argv[2] ?? 5);
const secondsAway = Number(process.argv[3] ?? 30);
const name = 'bench';

const policy = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: bench}
spec: {selector: has(nothing), types: [Ingress], ingress: []}
`;

const results: { readonly command: number; readonly kernel: number }[] = [];
try {
  const { plan, ...rest } = await up({ name, nodes: 3 }, () => undefined);
  const state = { plan, ...rest };
  for (let round = 0; round < rounds; round += 1) {
    stopEtcd(name);
    await delay(secondsAway * 1000);
    startEtcd(plan);
    await waitForEtcd(plan);
    const returned = Date.now();
    const { revision } = await applyManifest(state, 'gnp', 'bench', policy);
    const command = Date.now() - returned;
    const applied = await Promise.all(plan.nodes.map((node) => appliedAtMs(state, node, revision)));
    results.push({ command, kernel: Math.round(Math.max(...applied)) - returned });
    await calicoctl(state, ['delete', 'gnp', 'bench']);
  }
} finally {
  await down(name);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const summary = {
  secondsAway,
  rounds: results,
  medianMs: median(results.map((result) => result.kernel)),
  worstMs: Math.max(...results.map((result) => result.kernel)),
};
console.log(`etcd away for ${secondsAway} s; from its first answer, ms`);
console.log('round  apply and get ended  last kernel had it');
for (const [index, { command, kernel }] of results.entries()) {
  console.log(`${String(index + 1).padStart(5)}  ${String(command).padStart(19)}  ${String(kernel).padStart(18)}`);
}
console.log(JSON.stringify(summary));
