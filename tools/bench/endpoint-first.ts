/**
 * How soon a new endpoint is programmed while Felix takes in much else: from the write of its record to Felix's answer
 * that it is up, by the real Felix with an etcd, for each packet filter:
 *
 *   node tools/bench/endpoint-first.ts [--policies 5000] [--members 100000] [--json FILE]
 *
 * - `nothing else`: one endpoint after the other;
 * - `policies`: meanwhile policies arrive, each of two rules for one of 100 other endpoints of the node;
 * - `members`: meanwhile a policy of the other endpoints arrives, with a set of so many members from network sets.
 *
 * A new endpoint has one policy of its own, with a set. Needs root.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { stored, storedEndpoint } from '../../apps/felix/src/calc/testing/resources.ts';
import type { StoreUpdate } from '../../apps/felix/src/calc/calc-graph.ts';
import type { Workload } from '../../apps/felix/test/support/node-lab.ts';
import type { FelixProcess } from '../../apps/felix/test/support/felix-process.ts';
import { StoreLab } from '../../apps/felix/test/support/store-lab.ts';

const { values } = parseArgs({
  options: {
    policies: { type: 'string', default: '5000' },
    members: { type: 'string', default: '100000' },
    json: { type: 'string' },
  },
});
const policyCount = Number(values.policies);
const memberCount = Number(values.members);

const OTHERS = 100;
const NEW = 30;
const BETWEEN_MS = 10;
const MEMBERS_PER_SET = 1000;
/** As much as one request may hold. */
const WRITES_AT_ONCE = 40;

const filters: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  nftables: { FELIX_NFTABLESMODE: 'Enabled' },
  'iptables-legacy': { FELIX_NFTABLESMODE: 'Disabled', FELIX_IPTABLESBACKEND: 'Legacy' },
  'iptables-nft': { FELIX_NFTABLESMODE: 'Disabled', FELIX_IPTABLESBACKEND: 'NFT' },
};

interface Row {
  readonly filter: string;
  readonly beside: string;
  readonly endpoints: number;
  readonly medianMs: number;
  readonly maxMs: number;
  /** From the first write of what came beside to its being in the kernel. */
  readonly restMs: number;
}

const address = (second: number, index: number): string =>
  `10.${second + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
const policyOf = (name: string, selector: string, source: string): StoreUpdate =>
  stored(
    'GlobalNetworkPolicy',
    { name },
    {
      selector,
      types: ['Ingress'],
      ingress: [80, 443].map((port) => ({
        action: 'Allow' as const,
        protocol: 'TCP',
        source: { selector: source },
        destination: { ports: [port] },
      })),
    },
  );

function* node(): Generator<StoreUpdate> {
  for (let index = 0; index < OTHERS; index++) {
    const spec = { ipNetworks: [`${address(65, index)}/32`], interfaceName: `calio${index}` };
    yield storedEndpoint({ workload: `other-${index}`, labels: { other: String(index) }, spec });
  }
  for (let index = 0; index < memberCount / MEMBERS_PER_SET; index++) {
    const nets = Array.from(
      { length: MEMBERS_PER_SET },
      (_, each) => `${address(80, index * MEMBERS_PER_SET + each)}/32`,
    );
    yield stored('GlobalNetworkSet', { name: `bulk-${index}`, labels: { member: '' } }, { nets });
  }
  yield policyOf('new', 'has(new)', 'has(new)');
}

function* policies(): Generator<StoreUpdate> {
  for (let index = 0; index < policyCount; index++) {
    yield policyOf(`bulk-${index}`, `other == "${index % OTHERS}"`, `other == "${(index + 1) % OTHERS}"`);
  }
}

/** Writes as many at once as the store takes; gives the last revision. */
async function write({ backend }: StoreLab, updates: readonly StoreUpdate[]): Promise<bigint> {
  let revision = 0n;
  const rest = [...updates];
  while (rest.length > 0) {
    const changes = rest.splice(0, WRITES_AT_ONCE).map(({ key, value = '' }) => ({ type: 'put', key, value }) as const);
    const result = await backend.commit?.({ guards: [], changes });
    if (result?.isCommitted === true) revision = result.revision;
  }
  return revision;
}

async function timeEndpoint(lab: StoreLab, felix: FelixProcess, workload: Workload, name: string): Promise<number> {
  const spec = { ipNetworks: [`${workload.address}/32`], interfaceName: workload.interfaceName };
  const { key, value = '' } = storedEndpoint({ workload: name, labels: { new: '' }, spec });
  const startedAt = performance.now();
  const { revision } = await lab.backend.put(key, value);
  await felix.waitForEndpoint(name, revision);
  return performance.now() - startedAt;
}

async function measure(filter: string, beside: string, rest: readonly StoreUpdate[]): Promise<Row> {
  await using lab = await StoreLab.start();
  await using felix = lab.startFelix({ FELIX_IPV6SUPPORT: 'false', ...filters[filter] });
  await felix.waitForRevision(await write(lab, [...node()]));
  const workloads = Array.from({ length: NEW }, (_, index) =>
    lab.node.addWorkload(`n${index}`, address(66, index), { byFelix: true }),
  );
  const startedAt = performance.now();
  let restMs = 0;
  const written = write(lab, rest).then(async (revision) => {
    if (revision > 0n) await felix.waitForRevision(revision);
    restMs = performance.now() - startedAt;
  });
  const times: number[] = [];
  const isBulk = beside !== 'nothing else';
  for (const [index, workload] of workloads.entries()) {
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    if (isBulk && restMs > 0) break;
    times.push(await timeEndpoint(lab, felix, workload, `n${index}`));
  }
  await written;
  times.sort((a, b) => a - b);
  return {
    filter,
    beside,
    endpoints: times.length,
    medianMs: Math.round(times[times.length >> 1] ?? Number.NaN),
    maxMs: Math.round(times.at(-1) ?? Number.NaN),
    restMs: isBulk ? Math.round(restMs) : 0,
  };
}

const rows: Row[] = [];
for (const filter of Object.keys(filters)) {
  rows.push(await measure(filter, 'nothing else', []));
  rows.push(await measure(filter, `${policyCount} policies`, [...policies()]));
  rows.push(await measure(filter, `${memberCount} members`, [policyOf('members', 'has(other)', 'has(member)')]));
}
console.table(rows);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ rows }, null, 2)}\n`);
