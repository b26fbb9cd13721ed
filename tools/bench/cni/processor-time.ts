import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What /proc says, of a process that may have ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The processes of the lab that this one runs in, itself excepted: they have its name in their environment. */
export function processesBeside(): ReadonlyMap<number, string> {
  const marker = Object.entries(process.env).find(([name]) => name === 'CALICO_LAB');
  if (marker === undefined) return new Map();
  const wanted = `${marker[0]}=${marker[1] ?? ''}`;
  const found = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && read(`/proc/${pid}/environ`).split('\0').includes(wanted))
    .map((pid) => [pid, nameOf(read(`/proc/${pid}/cmdline`).split('\0'))] as const);
  return new Map(found);
}

/** `cni-plugin server` of `node .../cni-plugin.mjs server`. */
function nameOf([program = '', script = '', mode = '']: readonly string[]): string {
  if (!script.endsWith('.mjs')) return basename(program);
  return [basename(script, '.mjs'), ...(mode === '' || mode.startsWith('-') ? [] : [mode])].join(' ');
}

/** The processor time that processes have had, in milliseconds, summed by name. */
export function processorMs(processes: ReadonlyMap<number, string>): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [pid, name] of processes) {
    let tasks: string[] = [];
    try {
      tasks = readdirSync(`/proc/${pid}/task`);
    } catch {
      // It has ended.
    }
    const ns = tasks.map((task) => Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0] ?? 0));
    sums[name] = (sums[name] ?? 0) + ns.reduce((sum, one) => sum + one, 0) / 1e6;
  }
  return sums;
}
