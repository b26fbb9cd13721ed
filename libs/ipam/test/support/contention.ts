/*
 * Many allocator processes on one store, killed at random: afterwards every address is free, nothing is left
 * over, and nobody ever held what somebody else held, by the processes' own account and by every revision of
 * every block.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connectDatastore, Resources, type Backend } from '@calico-node/datastore';
import { decodeBlock, type AllocationBlock } from '@calico-node/model';
import { addressAt, attributesAt } from '../../src/block.ts';
import { checkConsistency, Ipam } from '../../src/index.ts';

export interface ContentionOptions {
  readonly endpoint: string;
  readonly processes: number;
  /** Allocations with their releases, of all processes together. */
  readonly pairs: number;
  /** How many times a process is killed and another takes over what it had left to do. */
  readonly kills: number;
  /** How many nodes' blocks the processes share. */
  readonly nodes: number;
}

export interface ContentionResult {
  readonly seconds: number;
  readonly kills: number;
  /** Handles that killed processes left, released afterwards. */
  readonly abandoned: number;
  /** Blocks' versions looked at. */
  readonly versions: number;
  /** Whatever should not be, in words; empty when all is well. */
  readonly problems: readonly string[];
}

/** How the processes allocate, in turn. */
const ways = ['memory', 'store', 'in-turn'] as const;

/** What a process believed to hold. */
interface Holding {
  readonly handle: string;
  readonly ip: string;
  readonly from: bigint;
  /** Until when; for what a killed process held, until its handle was released for it. */
  until: bigint | undefined;
}

class Worker {
  readonly holdings: Holding[] = [];
  readonly open = new Set<string>();
  done = 0;
  failures: string[] = [];
  child: ChildProcess | undefined;
  #generation = 0;
  readonly #index: number;
  readonly #options: ContentionOptions;
  readonly #pairs: number;

  constructor(index: number, pairs: number, options: ContentionOptions) {
    this.#index = index;
    this.#pairs = pairs;
    this.#options = options;
  }

  /** Runs until all pairs are done, however often it is killed meanwhile. */
  async run(): Promise<void> {
    while (this.done < this.#pairs) {
      const { endpoint, nodes } = this.#options;
      const name = `w${this.#index}.${this.#generation++}`;
      const from = ways[this.#index % ways.length] ?? 'store';
      const node = `n${Math.floor(this.#index / ways.length) % nodes}`;
      const program = join(import.meta.dirname, 'pair-worker.ts');
      const args = [program, endpoint, node, name, String(this.#pairs - this.done), from];
      const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', process.execPath, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      this.child = child;
      let errors = '';
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      const lines = createInterface({ input: child.stdout });
      lines.on('line', (line) => {
        this.#hear(line.split(' '));
      });
      await Promise.all([once(child, 'close'), once(lines, 'close')]);
      if (child.signalCode === null && child.exitCode !== 0) {
        this.failures.push(`${name} ended with ${String(child.exitCode)}: ${errors.trim()}`);
        return;
      }
    }
  }

  #hear([word, handle = '', third = '', fourth = '']: readonly string[]): void {
    switch (word) {
      case 'try':
        this.open.add(handle);
        break;
      case 'got':
        this.holdings.push({ handle, ip: third, from: BigInt(fourth), until: undefined });
        break;
      case 'letting': {
        const holding = this.holdings.at(-1);
        if (holding?.handle === handle) holding.until = BigInt(third);
        break;
      }
      case 'done':
        this.open.delete(handle);
        this.done++;
        break;
      default:
        this.failures.push(`a process said ${String(word)}`);
    }
  }
}

export async function runContention(options: ContentionOptions): Promise<ContentionResult> {
  const backend = connectDatastore({ type: 'etcdv3', endpoints: [options.endpoint], tls: {} });
  try {
    return await contend(backend, options);
  } finally {
    backend.close();
  }
}

async function contend(backend: Backend, options: ContentionOptions): Promise<ContentionResult> {
  const { processes, pairs } = options;
  const { revision } = await backend.list('/calico/ipam/');
  const each = Math.ceil(pairs / processes);
  const workers = Array.from({ length: processes }, (_, index) => new Worker(index, each, options));
  const started = performance.now();
  const killing = new AbortController();
  const killed = killAtRandom(workers, options.kills, killing.signal);
  await Promise.all(workers.map((worker) => worker.run()));
  killing.abort();
  const kills = await killed;
  const seconds = (performance.now() - started) / 1000;

  const abandoned = workers.flatMap((worker) => [...worker.open]);
  const ipam = new Ipam(backend);
  for (const handle of abandoned) await ipam.releaseByHandle(handle);
  const history = await blockHistory(backend, revision + 1n);
  const problems = [
    ...workers.flatMap((worker) => worker.failures),
    ...overlaps(workers.flatMap((worker) => worker.holdings)),
    ...history.problems,
    ...(await leftovers(backend)),
  ];
  return { seconds, kills, abandoned: abandoned.length, versions: history.versions, problems };
}

/** Kills one process after another, spread over the work. Gives how many. */
async function killAtRandom(workers: readonly Worker[], kills: number, signal: AbortSignal): Promise<number> {
  const total = (): number => workers.reduce((sum, worker) => sum + worker.done, 0);
  let done = 0;
  for (let next = 5; done < kills && !signal.aborted;) {
    await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 20));
    if (total() < next) continue;
    const victim = workers[Math.floor(Math.random() * workers.length)]?.child;
    if (victim?.exitCode !== null || victim.signalCode !== null || !victim.kill('SIGKILL')) continue;
    done++;
    next = total() + 3;
  }
  return done;
}

/** Addresses that two processes believed to hold at the same time. */
function overlaps(holdings: readonly Holding[]): string[] {
  const problems: string[] = [];
  for (const [ip, group] of Map.groupBy(holdings, (holding) => holding.ip)) {
    group.sort((a, b) => (a.from < b.from ? -1 : 1));
    for (const [index, holding] of group.entries()) {
      const next = group[index + 1];
      if (next !== undefined && (holding.until === undefined || holding.until > next.from)) {
        problems.push(`${ip} was held by ${holding.handle} and ${next.handle} at the same time`);
      }
    }
  }
  return problems;
}

/** Every version of every block: an address passes from one handle to another only through being free. */
async function blockHistory(backend: Backend, fromRevision: bigint): Promise<{ versions: number; problems: string[] }> {
  const problems: string[] = [];
  const last = new Map<string, AllocationBlock>();
  const end = await backend.put('/calico/ipam/v2/assignment/end-of-history', '');
  const abort = new AbortController();
  let versions = 0;
  await backend.watch({
    prefixes: ['/calico/ipam/v2/assignment/'],
    fromRevision,
    signal: abort.signal,
    onEvents: (events) => {
      for (const { key, value, type, revision } of events) {
        if (revision >= end.revision) {
          abort.abort();
          return;
        }
        versions++;
        const before = last.get(key);
        if (type === 'deleted') {
          const held = before?.allocations.filter((index) => index !== null).length ?? 0;
          if (held > 0) problems.push(`revision ${revision} deleted ${key} with ${held} addresses in use`);
          last.delete(key);
          continue;
        }
        const block = decodeBlock(value);
        problems.push(...changedHands(before, block).map((what) => `revision ${revision}: ${what}`));
        last.set(key, block);
      }
    },
  });
  await backend.delete(end.key);
  return { versions, problems };
}

function changedHands(before: AllocationBlock | undefined, after: AllocationBlock): string[] {
  const held = after.allocations.filter((index) => index !== null).length;
  const problems =
    held + after.unallocated.length === after.allocations.length ? [] : [`${after.cidr} does not add up`];
  if (before === undefined) return problems;
  for (const ordinal of after.allocations.keys()) {
    const [old, now] = [attributesAt(before, ordinal)?.handle_id, attributesAt(after, ordinal)?.handle_id];
    if (old != null && now != null && old !== now) {
      problems.push(`${addressAt(after, ordinal)} went from ${old} to ${now}`);
    }
  }
  return problems;
}

/** What is left when everything was given back: by `calicoctl ipam check`'s rules, and nothing allocated at all. */
async function leftovers(backend: Backend): Promise<string[]> {
  const resources = new Resources(backend);
  const [blocks, handles, pools, nodes] = await Promise.all([
    backend.list('/calico/ipam/v2/assignment/'),
    backend.list('/calico/ipam/v2/handle/'),
    resources.list('IPPool'),
    resources.list('Node'),
  ]);
  const found = checkConsistency({
    blocks: blocks.items.map(({ value }) => decodeBlock(value)),
    pools: pools.items,
    nodes: nodes.items,
    endpoints: [],
    handleIds: handles.items.map(({ key }) => key.slice('/calico/ipam/v2/handle/'.length)),
  });
  return [
    ...found.leaked.map(({ ip, handle }) => `${ip} leaked, of ${handle ?? 'no handle'}`),
    ...found.allocations.map(({ ip }) => `${ip} is still allocated`),
    ...found.leakedHandles.map((id) => `handle ${id} leaked`),
    ...found.missingHandles.map((id) => `handle ${id} is missing`),
  ];
}

/** Makes the pool and the nodes that {@link runContention} works on. */
export async function prepareContention(endpoint: string, nodes: number): Promise<void> {
  const backend = connectDatastore({ type: 'etcdv3', endpoints: [endpoint], tls: {} });
  const apiVersion = 'projectcalico.org/v3';
  try {
    const resources = new Resources(backend);
    for (let index = 0; index < nodes; index++) {
      await resources.create({ kind: 'Node', apiVersion, metadata: { name: `n${index}` }, spec: {} });
    }
    const spec = { cidr: '10.0.0.0/22', blockSize: 28, nodeSelector: 'all()' };
    await resources.create({ kind: 'IPPool', apiVersion, metadata: { name: 'p' }, spec });
  } finally {
    backend.close();
  }
}
