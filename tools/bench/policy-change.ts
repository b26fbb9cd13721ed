/**
 * What a change costs the packet filter drivers, from intents to the kernel, each in a network namespace of its own:
 *
 *   node tools/bench/policy-change.ts [--endpoints 1000] [--policies 10000] [--rounds 15] [--dual] [--json FILE]
 *
 * - one policy's change on a full node, by nftables and by iptables (legacy and nft variant) by turns: other ports in its
 *   rules, which nftables has in a set, and a rule more, which the kernel has to check against all others;
 * - one member's change at 2,000 sets of 100 and 2,000 chains of 10 rules;
 * - one member more in a set of 100,000 and in one of 100, by turns.
 *
 * Needs root. Both address families are driven, as on a real node; `--dual`: with addresses of both in the IP sets.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DrivenNamespace, filters, type Cost, type FilterName } from './felix/driven-namespace.ts';
import { ipSet, memberChange, policy, start, workload } from './felix/policy-workload.ts';

const { values } = parseArgs({
  options: {
    endpoints: { type: 'string', default: '1000' },
    policies: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '15' },
    dual: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const endpointCount = Number(values.endpoints);
const policyCount = Number(values.policies);
const rounds = Number(values.rounds);

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const shown = (ms: number): number => Number(ms.toPrecision(3));

interface Row {
  readonly case: string;
  readonly filter: FilterName;
  readonly medianMs: number;
  readonly minMs: number;
  /** The mean of our process's and of its children's. */
  readonly cpuMs: number;
}

function rowOf(name: string, filter: FilterName, costs: readonly Cost[]): Row {
  const wall = costs.map(({ wallMs }) => wallMs);
  return {
    case: name,
    filter,
    medianMs: shown(median(wall)),
    minMs: shown(Math.min(...wall)),
    cpuMs: shown(costs.reduce((sum, { cpuMs, childrenMs }) => sum + cpuMs + childrenMs, 0) / costs.length),
  };
}

/** Runs every case once a round, after a few rounds that do not count. */
async function byTurns(cases: ReadonlyMap<string, (round: number) => Promise<Cost>>): Promise<Map<string, Cost[]>> {
  const warmUps = 3;
  const costs = new Map([...cases.keys()].map((name) => [name, [] as Cost[]]));
  for (let round = 0; round < warmUps + rounds; round++) {
    for (const [name, run] of cases) {
      const cost = await run(round);
      if (round >= warmUps) costs.get(name)?.push(cost);
    }
  }
  return costs;
}

const otherPorts = "one policy's other ports";
const ruleMore = "one policy's rule more";

/** Every policy has two rules and applies to one endpoint. */
async function policyChanges(): Promise<Row[]> {
  const sets = 100;
  const perEndpoint = Math.ceil(policyCount / endpointCount);
  const node = [
    ...start,
    ...Array.from({ length: sets }, (_, index) => ipSet(index, 100, values.dual)),
    ...Array.from({ length: policyCount }, (_, index) => policy(index, 2, sets, 80)),
    ...Array.from({ length: endpointCount }, (_, index) =>
      workload(
        index,
        Array.from({ length: perEndpoint }, (__, own) => index * perEndpoint + own).filter((own) => own < policyCount),
      ),
    ),
  ];
  using namespaces = new DisposableStack();
  const rows: Row[] = [];
  const cases = new Map<string, (round: number) => Promise<Cost>>();
  const caseOf = (change: string, filter: FilterName): string => `${change} by ${filter}`;
  for (const filter of filters) {
    const driven = namespaces.use(new DrivenNamespace(filter));
    rows.push(
      rowOf(`${endpointCount} endpoints, ${policyCount} policies from nothing`, filter, [await driven.apply(...node)]),
    );
    const { chains, rules } = driven.counts();
    console.error(`${filter}: ${chains} chains, ${rules} rules`);
    cases.set(caseOf(otherPorts, filter), (round) =>
      driven.apply(policy((round * 7919) % policyCount, 2, sets, 1000 + round)),
    );
    cases.set(caseOf(ruleMore, filter), (round) =>
      driven.apply(policy((round * 7919 + policyCount / 2) % policyCount, 3, sets, 80)),
    );
  }
  const costs = await byTurns(cases);
  const changes = [otherPorts, ruleMore].flatMap((change) =>
    filters.map((filter) => rowOf(change, filter, costs.get(caseOf(change, filter)) ?? [])),
  );
  return [...rows, ...changes];
}

async function memberChanges(): Promise<Row[]> {
  const count = 2000;
  using driven = new DrivenNamespace('nftables');
  await driven.apply(
    ...start,
    ...Array.from({ length: count }, (_, index) => ipSet(index, 100)),
    ...Array.from({ length: count }, (_, index) => policy(index, 10, count, 80)),
    ...Array.from({ length: 200 }, (_, index) =>
      workload(
        index,
        Array.from({ length: 10 }, (__, own) => index * 10 + own),
      ),
    ),
  );
  const change = (round: number): Promise<Cost> => driven.apply(memberChange((round * 7) % count, 5000 + round, 'add'));
  const costs = await byTurns(new Map([['change', change]]));
  return [
    rowOf(
      "one member's change at 2,000 sets of 100 and 2,000 chains of 10 rules",
      'nftables',
      costs.get('change') ?? [],
    ),
  ];
}

async function setSizes(): Promise<Row[]> {
  const sizes = [100, 100_000];
  using namespaces = new DisposableStack();
  const rows: Row[] = [];
  for (const filter of ['nftables', 'iptables-legacy'] as const) {
    const driven = namespaces.use(new DrivenNamespace(filter));
    await driven.apply(
      ...start,
      ...sizes.map((size, index) => ipSet(index, size)),
      policy(0, 2, 2, 80),
      workload(0, [0]),
    );
    const cases = sizes.map(
      (size, index) =>
        [
          `one member more in a set of ${size}`,
          (round: number) => driven.apply(memberChange(index, 200_000 + round, 'add')),
        ] as const,
    );
    for (const [name, costs] of await byTurns(new Map(cases))) rows.push(rowOf(name, filter, costs));
  }
  return rows;
}

const rows = [...(await policyChanges()), ...(await memberChanges()), ...(await setSizes())];
console.table(rows);
const ratio = (
  key: 'medianMs' | 'minMs' | 'cpuMs',
  over: readonly [string, FilterName],
  under: readonly [string, FilterName],
): number => {
  const of = ([name, filter]: readonly [string, FilterName]): number =>
    rows.find((row) => row.case === name && row.filter === filter)?.[key] ?? Number.NaN;
  return shown(of(over) / of(under));
};
const comparisons: readonly (readonly [string, readonly [string, FilterName], readonly [string, FilterName]])[] = [
  ...[otherPorts, ruleMore].flatMap((change) =>
    (['iptables-legacy', 'iptables-nft'] as const).map(
      (filter) => [`${change}, ${filter} over nftables`, [change, filter], [change, 'nftables']] as const,
    ),
  ),
  [
    'nftables, set of 100,000 over set of 100',
    ['one member more in a set of 100000', 'nftables'],
    ['one member more in a set of 100', 'nftables'],
  ],
];
const ratios = comparisons.map(([name, over, under]) => ({
  ratio: name,
  median: ratio('medianMs', over, under),
  min: ratio('minMs', over, under),
  cpu: ratio('cpuMs', over, under),
}));
console.table(ratios);
if (values.json !== undefined) {
  writeFileSync(
    values.json,
    `${JSON.stringify({ endpointCount, policyCount, rounds, isDual: values.dual, rows, ratios }, null, 2)}\n`,
  );
}
