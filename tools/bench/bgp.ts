/**
 * How fast routes go through bgp-daemon, beside BIRD 2, GoBGP and FRR in the same run:
 *
 *   node tools/bench/bgp.ts [--daemons ours,bird2,gobgp,frr] [--sizes 10000,100000,500000] [--clients 50]
 *                           [--reflected 10000] [--kernel 10000] [--runs 3] [--json FILE] [--profile DIR]
 *
 * Needs root (network namespaces). Each daemon is a route reflector; runs of the daemons alternate, and
 * the medians are shown. `--kernel`: so many routes into the kernel, by the daemons that write it themselves. GoBGP is left out where it would take minutes, unless it is named.
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { bundleAll } from '../build/bundle.ts';
import { bird, frr, gobgp, howToInstall, ourDaemon, type BenchDaemon } from './bgp/daemons.ts';
import { cleanUpWhenInterrupted } from './bgp/network.ts';
import { kernelExport, oneToOne, reflector, type Measures } from './bgp/scenarios.ts';

cleanUpWhenInterrupted();
const { values } = parseArgs({
  options: {
    daemons: { type: 'string' },
    sizes: { type: 'string', default: '10000,100000,500000' },
    clients: { type: 'string', default: '50' },
    reflected: { type: 'string', default: '10000' },
    kernel: { type: 'string', default: '10000' },
    runs: { type: 'string', default: '3' },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
});

interface Scenario {
  readonly title: string;
  readonly isLong: boolean;
  readonly needsFib?: boolean;
  run(daemon: BenchDaemon): Promise<Measures>;
}

interface Result {
  readonly scenario: string;
  readonly daemon: string;
  readonly runs: number;
  readonly median: Measures;
}

const [clients, reflected, kernel] = [Number(values.clients), Number(values.reflected), Number(values.kernel)];
const runs = Number(values.runs);
const sizes = values.sizes.split(',').filter((text) => text !== '');
const scenarios: Scenario[] = [
  ...sizes.map(Number).map((count) => ({
    title: `${count} routes, one sender, one receiver`,
    isLong: count > 100_000,
    run: (daemon: BenchDaemon) => oneToOne(daemon, count),
  })),
  ...(reflected === 0
    ? []
    : [
        {
          title: `${reflected} routes of ${clients} reflector clients`,
          isLong: false,
          run: (daemon: BenchDaemon) => reflector(daemon, reflected, clients),
        },
      ]),
  ...(kernel === 0
    ? []
    : [
        {
          title: `${kernel} routes into the kernel`,
          isLong: false,
          needsFib: true,
          run: (daemon: BenchDaemon) => kernelExport(daemon, kernel),
        },
      ]),
];

function medianOf(all: readonly Measures[]): Measures {
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, all.map((one) => one[name] ?? NaN).toSorted((a, b) => a - b)[all.length >> 1] ?? NaN]),
  );
}

function show(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function printTable(title: string, results: readonly Result[]): void {
  const names = Object.keys(results[0]?.median ?? {});
  process.stdout.write(`\n${title}\n| daemon | ${names.join(' | ')} |\n|---|${names.map(() => '---:|').join('')}\n`);
  for (const { daemon, median } of results) {
    process.stdout.write(`| ${daemon} | ${names.map((name) => show(median[name] ?? NaN)).join(' | ')} |\n`);
  }
}

const known = [ourDaemon(values.profile), bird, gobgp, frr];
const wanted = values.daemons?.split(',');
const daemons = known
  .filter(({ name }) => wanted?.includes(name) ?? true)
  .filter((daemon) => {
    const missing = howToInstall(daemon);
    if (missing !== undefined) process.stdout.write(`${missing}\n`);
    return missing === undefined;
  });

if (daemons.some(({ name }) => name === 'ours')) await bundleAll(['bgp-daemon']);
process.stdout.write(`${cpus().length} processors: ${cpus()[0]?.model ?? ''}\n`);
for (const daemon of daemons) process.stdout.write(`${daemon.name}: ${daemon.version()}\n`);
const results: Result[] = [];
for (const scenario of scenarios) {
  const taking = daemons
    .filter(({ name }) => !(scenario.isLong && name === 'gobgp' && wanted === undefined))
    .filter(({ hasFib }) => scenario.needsFib !== true || hasFib === true);
  const measured = new Map<string, Measures[]>(taking.map(({ name }) => [name, []]));
  for (let run = 0; run < runs; run++) {
    for (const daemon of taking) {
      try {
        measured.get(daemon.name)?.push(await scenario.run(daemon));
      } catch (error) {
        process.stdout.write(`${daemon.name}: ${scenario.title}: ${error instanceof Error ? error.message : ''}\n`);
      }
    }
  }
  const rows = [...measured]
    .filter(([, all]) => all.length > 0)
    .map(([daemon, all]) => ({ scenario: scenario.title, daemon, runs: all.length, median: medianOf(all) }));
  printTable(scenario.title, rows);
  results.push(...rows);
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
