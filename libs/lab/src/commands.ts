import { callUnary, connectUnix, felixV1 } from '@calico-node/rpc';
import { nodeEnvironment } from './node.ts';
import { type Finished, run } from './processes.ts';
import { program } from './programs.ts';
import { type LabState, nodeDirs } from './state.ts';
import type { NodePlan } from './topology.ts';

/** Runs a command on a node, as `lab exec` does. */
export function onNode(
  state: LabState,
  node: NodePlan,
  command: string,
  args: readonly string[],
  input = '',
): Promise<Finished> {
  const { plan } = state;
  return run({ lab: plan.name, netns: node.netns, command, args, env: nodeEnvironment(plan, node) }, input);
}

/** Runs calicoctl on the lab's first node. @throws Error with its words when it fails. */
export async function calicoctl(state: LabState, args: readonly string[], input = ''): Promise<string> {
  const [first] = state.plan.nodes;
  if (first === undefined) throw new Error('the lab has no node');
  const { code, stdout, stderr } = await onNode(state, first, program('calicoctl'), args, input);
  if (code !== 0) throw new Error(`calicoctl ${args.join(' ')} failed: ${stderr || stdout}`);
  return stdout;
}

export interface Applied {
  readonly message: string;
  /** When calicoctl was started: Unix milliseconds. */
  readonly beganAtMs: number;
  readonly revision: bigint;
}

/** Applies one resource with `calicoctl apply`, and finds out the store revision that it got. */
export async function applyManifest(state: LabState, kind: string, name: string, manifest: string): Promise<Applied> {
  const beganAtMs = Date.now();
  const message = await calicoctl(state, ['apply', '-f', '-'], manifest);
  const stored = JSON.parse(await calicoctl(state, ['get', kind, name, '-o', 'json'])) as {
    metadata: { resourceVersion: string };
  };
  return { message: message.trim(), beganAtMs, revision: BigInt(stored.metadata.resourceVersion) };
}

/** When a node's kernel took in a store revision: Unix milliseconds. Waits for it. */
export async function appliedAtMs(
  state: LabState,
  node: NodePlan,
  revision: bigint,
  timeoutMs = 10_000,
): Promise<number> {
  const client = connectUnix(felixV1.FelixServiceClient, nodeDirs(state.plan.name, node.name).felixSocket);
  try {
    const answer = await callUnary(
      client.waitForRevision.bind(client),
      { revision },
      { timeoutMs, waitForReady: true, repeatable: true },
    );
    return Number(answer.appliedUnixNanos / 1000n) / 1000;
  } finally {
    client.close();
  }
}
