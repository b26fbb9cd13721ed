/*
 * One allocator process of the contention test: takes an address and gives it back, over and over, and says on
 * standard output what it believes: `try HANDLE`, `got HANDLE IP NS`, `letting HANDLE NS`, `done HANDLE`, with
 * the machine's monotonic time in nanoseconds. It may be killed between any two instructions.
 *
 * pair-worker.ts ENDPOINT NODE NAME PAIRS memory|store|in-turn
 *
 * `memory`: as the service; `store`: reads everything for each request; `in-turn`: that, and writes one object after
 * another, in the order in which Calico's own allocator writes them.
 */
import { writeSync } from 'node:fs';
import { connectDatastore, type Backend } from '@calico-node/datastore';
import { Ipam, NodeAllocator } from '../../src/index.ts';

const [endpoint = '', nodeName = '', name = '', pairs = '0', from = 'store'] = process.argv.slice(2);
const backend = connectDatastore({ type: 'etcdv3', endpoints: [endpoint], tls: {} });
const ipam = new Ipam(from === 'in-turn' ? withoutCommit(backend) : backend);
const allocator = from === 'memory' ? new NodeAllocator(backend, nodeName) : undefined;
const attributes = { node: nodeName };

/** A store that writes no two objects in one step, as Calico's own client uses it. */
function withoutCommit(whole: Backend): Backend {
  return new Proxy(whole, {
    get: (target, name) => {
      if (name === 'commit') return undefined;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? (member.bind(target) as unknown) : member;
    },
  });
}

/** Written before the next step begins, whatever happens to the process then. */
function say(...words: readonly (string | bigint)[]): void {
  writeSync(1, `${words.join(' ')}\n`);
}

async function take(handleId: string): Promise<string> {
  const request = { num4: 1, num6: 0, handleId, attributes, use: 'Workload' } as const;
  const [warm] = (await allocator?.serve([{ type: 'assign', ...request, ipv4Pools: [], ipv6Pools: [] }])) ?? [];
  if (warm?.type === 'assigned') return warm.ipv4[0]?.ip ?? 'none';
  const { ipv4, shortfall } = await ipam.autoAssign({ ...request, nodeName });
  allocator?.forget();
  if (shortfall !== undefined) throw shortfall;
  return ipv4[0]?.ip ?? 'none';
}

async function giveBack(handleId: string): Promise<void> {
  const [warm] = (await allocator?.serve([{ type: 'release', handleId }])) ?? [];
  if (warm?.type === 'released') return;
  await ipam.releaseByHandle(handleId);
  allocator?.forget();
}

for (let turn = 0; turn < Number(pairs); turn++) {
  const handle = `${name}.${turn}`;
  say('try', handle);
  const ip = await take(handle);
  say('got', handle, ip, process.hrtime.bigint());
  say('letting', handle, process.hrtime.bigint());
  await giveBack(handle);
  say('done', handle);
}
backend.close();
