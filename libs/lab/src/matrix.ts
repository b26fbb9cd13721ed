import { run } from './processes.ts';
import { nodeBinary, workloadProgram } from './programs.ts';
import type { LabState, Workload } from './state.ts';
import { workloadPort } from './workload.ts';

/** Whether packets of one workload reach another. */
export interface Reach {
  readonly icmp: boolean;
  readonly tcp: boolean;
}

/** From each workload to each other, by name; the diagonal is absent. */
export type Matrix = ReadonlyMap<string, ReadonlyMap<string, Reach>>;

/** Sends a ping and opens a TCP connection from every workload to every other, all at once. */
export async function probeMatrix(state: LabState): Promise<Matrix> {
  const rows = await Promise.all(
    state.workloads.map(async (source) => {
      const targets = state.workloads.filter((target) => target !== source);
      return [source.name, await probeRow(state, source, targets)] as const;
    }),
  );
  return new Map(rows);
}

async function probeRow(state: LabState, source: Workload, targets: readonly Workload[]): Promise<Map<string, Reach>> {
  const addresses = targets.flatMap((target) => target.addresses.slice(0, 1));
  const { stdout, stderr, code } = await run({
    lab: state.plan.name,
    netns: source.netns,
    command: nodeBinary,
    args: [workloadProgram, 'probe', String(workloadPort), ...addresses],
  });
  if (code !== 0) throw new Error(`the probe in ${source.name} failed: ${stderr}`);
  const answers = JSON.parse(stdout) as { address: string; icmp: boolean; tcp: boolean }[];
  return new Map(
    targets.map((target) => {
      const answer = answers.find(({ address }) => address === target.addresses[0]);
      return [target.name, { icmp: answer?.icmp ?? false, tcp: answer?.tcp ?? false }];
    }),
  );
}

/** What each pair should be. */
export type Expectation = (source: Workload, target: Workload) => Reach;

export interface Deviation {
  readonly source: string;
  readonly target: string;
  readonly expected: Reach;
  readonly found: Reach;
}

/** The pairs that are not as expected. */
export function deviations(state: LabState, matrix: Matrix, expect: Expectation): Deviation[] {
  return state.workloads.flatMap((source) =>
    state.workloads.flatMap((target) => {
      const found = matrix.get(source.name)?.get(target.name);
      if (found === undefined) return [];
      const expected = expect(source, target);
      if (found.icmp === expected.icmp && found.tcp === expected.tcp) return [];
      return [{ source: source.name, target: target.name, expected, found }];
    }),
  );
}

/** A table of a matrix: rows are sources, a cell names what gets through, `--` when nothing does. */
export function renderMatrix(state: LabState, matrix: Matrix): string {
  const names = state.workloads.map((workload) => workload.name);
  const cell = (reach: Reach | undefined): string => {
    if (reach === undefined) return '.';
    const through = [reach.icmp ? 'icmp' : '', reach.tcp ? 'tcp' : ''].filter((word) => word !== '');
    return through.length === 0 ? '--' : through.join('+');
  };
  const rows = [
    ['from \\ to', ...names],
    ...names.map((source) => [source, ...names.map((target) => cell(matrix.get(source)?.get(target)))]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
