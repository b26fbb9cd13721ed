import { sleep } from '@calico-node/service';
import { appliedAtMs, applyManifest, onNode } from './commands.ts';
import { attach, down, type Progress, up } from './lab.ts';
import { deviations, type Expectation, type Matrix, probeMatrix, renderMatrix } from './matrix.ts';
import type { Finished } from './processes.ts';
import { program } from './programs.ts';
import type { LabState } from './state.ts';
import type { NodePlan } from './topology.ts';
import { workloadPort } from './workload.ts';

const policyName = 'db-from-web-only';

const policy = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata:
  name: ${policyName}
spec:
  order: 100
  selector: app == 'db'
  types: [Ingress]
  ingress:
    - action: Allow
      protocol: TCP
      source:
        selector: app == 'web'
      destination:
        ports: [${workloadPort}]
`;

const everything: Expectation = () => ({ icmp: true, tcp: true });

/** What the policy says: a db is reached on its TCP port, from a web, and not otherwise. */
const underPolicy: Expectation = (source, target) =>
  target.labels['app'] === 'db' ? { icmp: false, tcp: source.labels['app'] === 'web' } : { icmp: true, tcp: true };

export interface DemoOptions {
  readonly name: string;
  readonly nodes: number;
  /** Tear down at the end. */
  readonly once: boolean;
  readonly print: Progress;
}

/**
 * The main job on real parts: workloads on several nodes reach each other over routes that BGP spread,
 * and a policy decides which may. Gives whether every expectation held.
 */
export async function demo(options: DemoOptions): Promise<boolean> {
  const started = Date.now();
  const { print } = options;
  const progress: Progress = (line) => {
    print(`[${((Date.now() - started) / 1000).toFixed(1).padStart(5)} s] ${line}`);
  };
  const failures: string[] = [];
  try {
    await story(options, progress, failures);
  } catch (error) {
    failures.push(error instanceof Error ? error.message : String(error));
  }
  if (options.once) {
    await down(options.name);
    progress('torn down');
  }
  for (const failure of failures) print(`FAILED: ${failure}`);
  if (failures.length === 0) print(`\nEvery expectation held (${((Date.now() - started) / 1000).toFixed(1)} s).`);
  if (!options.once) print(hints(options.name));
  return failures.length === 0;
}

async function story(options: DemoOptions, progress: Progress, failures: string[]): Promise<void> {
  const { print } = options;
  let state = await up({ name: options.name, nodes: options.nodes }, progress);
  const requests = state.plan.nodes.flatMap((node, index) =>
    ['web', 'db'].map((app) => ({ node: node.name, name: `${app}${index + 1}`, labels: { app } })),
  );
  state = await attach(state, requests, progress);

  print('\nBGP sessions (calicoctl node status):');
  for (const node of state.plan.nodes) {
    const text = await established(state, node);
    print(`\n${node.name}\n${text.stdout.trim()}`);
    if (text.code !== 0) failures.push(`${node.name}: not all BGP sessions are Established: ${text.stderr.trim()}`);
  }

  progress('probing every workload from every other');
  const open = await settled(state, everything);
  print('\nRoutes to the other nodes’ blocks (ip route):');
  for (const node of state.plan.nodes) print(`\n${node.name}\n${await routes(state, node, failures)}`);
  print(`\nWho reaches whom, before any policy:\n\n${renderMatrix(state, open)}`);
  report(state, open, everything, 'before the policy', failures);

  print(`\ncalicoctl apply -f - <<EOF\n${policy}EOF`);
  const applied = await applyManifest(state, 'globalnetworkpolicy', policyName, policy);
  print(applied.message);
  for (const node of state.plan.nodes) {
    const ms = (await appliedAtMs(state, node, applied.revision)) - applied.beganAtMs;
    print(`  in ${node.name}'s kernel ${ms.toFixed(0)} ms after the command was started`);
  }
  const closed = await probeMatrix(state);
  print(`\nWho reaches whom, under the policy (-- is denied):\n\n${renderMatrix(state, closed)}\n`);
  report(state, closed, underPolicy, 'under the policy', failures);
}

function report(state: LabState, matrix: Matrix, expect: Expectation, when: string, failures: string[]): void {
  for (const { source, target, expected, found } of deviations(state, matrix, expect)) {
    failures.push(
      `${when}, ${source} -> ${target}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`,
    );
  }
}

/** Probes until the expectation holds, or the time is over; routes need a moment to spread. */
async function settled(state: LabState, expect: Expectation, timeoutMs = 15_000): Promise<Matrix> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const matrix = await probeMatrix(state);
    if (deviations(state, matrix, expect).length === 0 || Date.now() > deadline) return matrix;
    await sleep(100);
  }
}

/** `calicoctl node status`, once every session is up; exit code 1 when they are not in time. */
async function established(state: LabState, node: NodePlan, timeoutMs = 15_000): Promise<Finished> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const status = await onNode(state, node, program('calicoctl'), ['node', 'status']);
    const sessions = status.stdout.match(/\bEstablished\b/g)?.length ?? 0;
    if (status.code === 0 && sessions >= state.plan.nodes.length - 1) return status;
    if (Date.now() > deadline) return { ...status, code: 1 };
    await sleep(100);
  }
}

async function routes(state: LabState, node: NodePlan, failures: string[]): Promise<string> {
  const { stdout } = await onNode(state, node, 'ip', ['route', 'show', 'proto', 'bird']);
  for (const other of state.plan.nodes) {
    if (other !== node && !stdout.includes(`via ${other.address} `)) {
      failures.push(`${node.name} has no route via ${other.name} (${other.address})`);
    }
  }
  return stdout.trim();
}

function hints(name: string): string {
  const lab = name === 'lab' ? 'dist/bin/lab' : `dist/bin/lab --name ${name}`;
  return `
The lab stays up. Things to try:
  ${lab} status
  ${lab} matrix
  ${lab} exec node1 -- calicoctl get workloadendpoints -o wide
  ${lab} exec node1 -- nft list table ip calico
  ${lab} exec web1 -- ping -c 3 <another workload's address>
  ${lab} exec node1 -- calicoctl explain flow --from web1 --to db2 --port 8080 --verify
  ${lab} exec node1 -- calicoctl explain endpoint web1
  ${lab} exec node1 -- calicoctl delete gnp ${policyName} --dry-run --impact
  ${lab} exec node1 -- calicoctl delete gnp ${policyName}
  ${lab} attach node2 cache1 --label app=db
  ${lab} kill node2 felix          (kill -9; the supervisor restarts it)
  ${lab} down`;
}
