import { readdirSync, readFileSync } from 'node:fs';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ComponentStatus } from './component.ts';

/** The kernel's unit of process times (`USER_HZ`), the same on every architecture that we run on. */
const ticksPerSecond = 100;
const kibibyte = 1024;

/** What one process uses. */
export interface ProcessUse {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Memory with a share of what it shares with others: sums up over processes. 0 where it may not be read. */
  readonly proportionalBytes: number;
  readonly openFiles: number;
}

function readOr<T>(read: () => T, fallback: T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}

/** Reads `/proc/PID` (proc(5)); undefined when the process is gone. */
export function readProcessUse(pid: number): ProcessUse | undefined {
  const stat = readOr(() => readFileSync(`/proc/${pid}/stat`, 'utf8'), undefined);
  if (stat === undefined) return undefined;
  // The name, in brackets, may have spaces: fields count from behind it, where the state is the third.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  const sizes = (file: string, label: string): number =>
    Number(
      new RegExp(`^${label}:\\s+(\\d+) kB$`, 'm').exec(
        readOr(() => readFileSync(`/proc/${pid}/${file}`, 'utf8'), ''),
      )?.[1] ?? 0,
    ) * kibibyte;
  return {
    cpuSeconds: (userTicks + systemTicks) / ticksPerSecond,
    residentBytes: sizes('status', 'VmRSS'),
    proportionalBytes: sizes('smaps_rollup', 'Pss'),
    openFiles: readOr(() => readdirSync(`/proc/${pid}/fd`).length, 0),
  };
}

/** Adds what each process of the node uses, measured whenever the metrics are read. */
export function registerProcessMetrics(registry: Registry, statuses: () => readonly ComponentStatus[]): void {
  const registers = [registry];
  const labelNames = ['process'];
  const running = (): readonly (readonly [string, ProcessUse])[] =>
    [{ name: 'calico-node', pid: process.pid }, ...statuses()].flatMap(({ name, pid }) => {
      const use = pid === 0 ? undefined : readProcessUse(pid);
      return use === undefined ? [] : [[name, use] as const];
    });
  const gauge = (name: string, help: string, read: (use: ProcessUse) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      labelNames,
      collect() {
        this.reset();
        for (const [process, use] of running()) this.set({ process }, read(use));
      },
    });
  };
  gauge('calico_node_process_resident_memory_bytes', 'Resident memory.', (use) => use.residentBytes);
  gauge(
    'calico_node_process_proportional_memory_bytes',
    'Memory, with a share of what is shared (PSS).',
    (use) => use.proportionalBytes,
  );
  gauge('calico_node_process_open_fds', 'Open file descriptors.', (use) => use.openFiles);
  const counter = (name: string, help: string, read: () => readonly (readonly [string, number])[]): void => {
    new Counter({
      name,
      help,
      registers,
      labelNames,
      collect() {
        this.reset();
        for (const [process, value] of read()) this.inc({ process }, value);
      },
    });
  };
  counter('calico_node_process_cpu_seconds_total', 'CPU time since the process started.', () =>
    running().map(([name, { cpuSeconds }]) => [name, cpuSeconds] as const),
  );
  counter('calico_node_process_restarts_total', 'How often the supervisor started it again.', () =>
    statuses().map(({ name, restarts }) => [name, restarts] as const),
  );
  new Gauge({
    name: 'calico_node_process_ready',
    help: 'Whether it is ready (1) or not (0).',
    registers,
    labelNames,
    collect() {
      this.reset();
      for (const { name, ready } of statuses()) this.set({ process: name }, ready ? 1 : 0);
    },
  });
}
