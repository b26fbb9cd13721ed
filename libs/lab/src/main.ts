import { constants } from 'node:os';
import { parseArgs } from 'node:util';
import { nodeV1 } from '@calico-node/rpc';
import { VERSION } from '@calico-node/service';
import { demo } from './demo.ts';
import { startEtcd, stopEtcd, waitForEtcd } from './etcd.ts';
import { attach, detach, down, findNode, isUp, up } from './lab.ts';
import { probeMatrix, renderMatrix } from './matrix.ts';
import { killProcess, nodeEnvironment, nodeStatus } from './node.ts';
import { runInteractive } from './processes.ts';
import { type LabState, readState } from './state.ts';

const usage = `lab: a Calico network of several nodes on this machine, in network namespaces

Usage: lab [--name NAME] COMMAND

  up [--nodes N] [--workloads N]   make N nodes (3), each with N workloads (0)
  status                           nodes, their processes, and workloads
  exec MEMBER -- COMMAND...        run a command in a node, a workload or the fabric
  attach NODE WORKLOAD [--label KEY=VALUE]...
  detach WORKLOAD
  matrix                           who reaches whom
  kill NODE PROCESS [SIGNAL]       signal one process of a node (KILL)
  etcd stop|start                  the store goes away, and comes back
  demo                             the whole story; ONCE=1 tears down at the end
  down                             remove everything, also after a crash

  --name NAME   which lab (lab; env LAB_NAME)
  --help, --version

Exit codes: 0 done, 1 failed, 2 wrong usage; exec gives the command's own.
`;

class UsageError extends Error {}

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function main(argv: readonly string[]): Promise<number> {
  const split = argv.indexOf('--');
  const own = split < 0 ? argv : argv.slice(0, split);
  const command = split < 0 ? [] : argv.slice(split + 1);
  const { values, positionals } = parseArgs({
    args: [...own],
    allowPositionals: true,
    options: {
      name: { type: 'string', default: process.env['LAB_NAME'] ?? 'lab' },
      nodes: { type: 'string', default: '3' },
      workloads: { type: 'string', default: '0' },
      label: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', short: 'h' },
      version: { type: 'boolean', short: 'v' },
    },
  });
  const [action, ...args] = positionals;
  if (values.help === true) {
    print(usage.trimEnd());
    return 0;
  }
  if (values.version === true) {
    print(VERSION);
    return 0;
  }
  const { name } = values;
  switch (action) {
    case 'up':
      return makeLab(name, count('nodes', values.nodes), count('workloads', values.workloads));
    case 'demo': {
      const once = (process.env['ONCE'] ?? '') !== '' || !process.stdout.isTTY;
      return tidy(name, async () => ((await demo({ name, nodes: count('nodes', values.nodes), once, print })) ? 0 : 1));
    }
    case 'down':
      if (!isUp(name)) print(`there is no lab '${name}'`);
      else {
        await down(name);
        print(`lab '${name}' is down`);
      }
      return 0;
    case 'status':
      return status(readState(name));
    case 'matrix': {
      const state = readState(name);
      print(renderMatrix(state, await probeMatrix(state)));
      return 0;
    }
    case 'exec':
      return exec(readState(name), required(args[0], 'a member'), command);
    case 'attach': {
      const [node, workload] = [required(args[0], 'a node'), required(args[1], 'a workload name')];
      await attach(readState(name), [{ node, name: workload, labels: labels(values.label) }], print);
      return 0;
    }
    case 'detach':
      await detach(readState(name), required(args[0], 'a workload'));
      return 0;
    case 'kill':
      return kill(readState(name), args);
    case 'etcd':
      return etcd(readState(name), required(args[0], 'stop or start'));
    case undefined:
      throw new UsageError('no command given');
    default:
      throw new UsageError(`unknown command '${action}'`);
  }
}

function required(value: string | undefined, what: string): string {
  if (value === undefined) throw new UsageError(`${what} is missing`);
  return value;
}

function count(what: string, text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new UsageError(`--${what} '${text}' is not a number`);
  return Number(text);
}

function labels(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--label '${pair}' is not KEY=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Runs a story that makes a lab, and takes the lab down when the user interrupts it. */
async function tidy(name: string, story: () => Promise<number>): Promise<number> {
  const interrupted = new Promise<number>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        print(`\n${signal}: taking the lab down`);
        resolve(down(name).then(() => 130));
      });
    }
  });
  return Promise.race([story(), interrupted]);
}

function makeLab(name: string, nodes: number, workloads: number): Promise<number> {
  return tidy(name, async () => {
    const state = await up({ name, nodes }, print);
    const requests = state.plan.nodes.flatMap((node, index) =>
      Array.from({ length: workloads }, (_, n) => ({
        node: node.name,
        name: `w${index + 1}x${n + 1}`,
        labels: { workload: `w${n + 1}` },
      })),
    );
    await attach(state, requests, print);
    return 0;
  });
}

async function status(state: LabState): Promise<number> {
  let healthy = true;
  for (const node of state.plan.nodes) {
    const answer = await nodeStatus(state.plan, node);
    healthy &&= answer?.ready === true;
    const words = answer === undefined ? 'no supervisor answers' : answer.ready ? 'ready' : answer.causes.join(' <- ');
    print(`${node.name}  ${node.address}  ${words}`);
    for (const child of answer?.processes ?? []) {
      const label = Object.entries(nodeV1.ProcessState).find(([, value]) => value === child.state)?.[0] ?? '?';
      const restarts = child.restarts > 0 ? `  restarts ${child.restarts} (last: ${child.lastExit})` : '';
      print(`  ${child.name.padEnd(12)} ${label.toLowerCase().padEnd(12)} pid ${child.pid}${restarts}`);
    }
    for (const workload of state.workloads.filter((candidate) => candidate.node === node.name)) {
      const pairs = Object.entries(workload.labels).map(([key, value]) => `${key}=${value}`);
      print(`  workload ${workload.name}  ${workload.addresses.join(',')}  ${pairs.join(',')}`);
    }
  }
  return healthy ? 0 : 1;
}

function exec(state: LabState, member: string, command: readonly string[]): Promise<number> {
  const [file, ...args] = command;
  if (file === undefined) throw new UsageError('exec needs a command after --');
  const lab = state.plan.name;
  const node = state.plan.nodes.find((candidate) => candidate.name === member);
  if (node !== undefined) {
    const env = nodeEnvironment(state.plan, node);
    return runInteractive({ lab, netns: node.netns, command: file, args, env });
  }
  const netns =
    member === 'fabric'
      ? state.plan.fabricNetns
      : state.workloads.find((candidate) => candidate.name === member)?.netns;
  if (netns === undefined) throw new Error(`lab '${lab}' has no node or workload '${member}'`);
  const env = { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: state.plan.etcdEndpoint, ETCD_ENDPOINTS: state.plan.etcdEndpoint };
  return runInteractive({ lab, netns, command: file, args, env: member === 'fabric' ? env : {} });
}

async function kill(state: LabState, args: readonly string[]): Promise<number> {
  const [node, child, signal] = [required(args[0], 'a node'), required(args[1], 'a process'), args[2] ?? 'KILL'];
  const name = `SIG${signal.toUpperCase().replace(/^SIG/, '')}`;
  if (!isSignal(name)) throw new UsageError(`there is no signal '${signal}'`);
  await killProcess(state.plan, findNode(state.plan, node), child, name);
  return 0;
}

const isSignal = (name: string): name is NodeJS.Signals => name in constants.signals;

async function etcd(state: LabState, action: string): Promise<number> {
  const { plan } = state;
  switch (action) {
    case 'start':
      startEtcd(plan);
      await waitForEtcd(plan);
      return 0;
    case 'stop':
      return stopEtcd(plan.name) ? 0 : 1;
    default:
      throw new UsageError(`etcd '${action}' is not stop or start`);
  }
}

// Whoever reads our output may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const usageIsWrong =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  process.stderr.write(`lab: ${message}\n${usageIsWrong ? "Try 'lab --help'.\n" : ''}`);
  process.exitCode = usageIsWrong ? 2 : 1;
}
// An interrupted story may still wait for something that is gone.
if (process.exitCode === 130) process.exit();
