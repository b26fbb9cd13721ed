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

/**
 * Adds what each process of the node uses and how it fares, measured once whenever the metrics are read. `read` tells
 * what a process uses; undefined when it is gone.
 */
export function registerProcessMetrics(
  registry: Registry,
  statuses: () => readonly ComponentStatus[],
  read: (pid: number) => ProcessUse | undefined = readProcessUse,
): void {
  const common = { registers: [registry], labelNames: ['process'] };
  // The first of them is asked first, and sets them all.
  const ready = new Gauge({
    ...common,
    name: 'calico_node_process_ready',
    help: 'Whether it is ready (1) or not (0).',
    collect: () => {
      measure();
    },
  });
  const restarts = new Counter({
    ...common,
    name: 'calico_node_process_restarts_total',
    help: 'How often the supervisor started it again.',
  });
  const gauge = (name: string, help: string): Gauge => new Gauge({ ...common, name, help });
  const resident = gauge('calico_node_process_resident_memory_bytes', 'Resident memory.');
  const proportional = gauge(
    'calico_node_process_proportional_memory_bytes',
    'Memory, with a share of what is shared (PSS).',
  );
  const openFiles = gauge('calico_node_process_open_fds', 'Open file descriptors.');
  const cpu = new Counter({
    ...common,
    name: 'calico_node_process_cpu_seconds_total',
    help: 'CPU time since the process started.',
  });
  const measure = (): void => {
    for (const metric of [ready, restarts, resident, proportional, openFiles, cpu]) metric.reset();
    const components = statuses();
    for (const component of components) {
      ready.set({ process: component.name }, component.ready ? 1 : 0);
      restarts.inc({ process: component.name }, component.restarts);
    }
    for (const { name, pid } of [{ name: 'calico-node', pid: process.pid }, ...components]) {
      const use = pid === 0 ? undefined : read(pid);
      if (use === undefined) continue;
      resident.set({ process: name }, use.residentBytes);
      proportional.set({ process: name }, use.proportionalBytes);
      openFiles.set({ process: name }, use.openFiles);
      cpu.inc({ process: name }, use.cpuSeconds);
    }
  };
}
