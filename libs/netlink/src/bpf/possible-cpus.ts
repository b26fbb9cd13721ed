import { readFileSync } from 'node:fs';

/** How many values a per-CPU map has for each key: one for every processor that the machine may ever have. */
export function possibleCpus(): number {
  return countOfCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8'));
}

/** Of a list such as `0-3` or `0,2-5`: numbers go from 0 to the highest. */
export function countOfCpuList(list: string): number {
  const highest = list.trim().split(/[,-]/).at(-1) ?? '';
  if (!/^\d+$/.test(highest)) throw new TypeError(`'${list.trim()}' is not a list of processors`);
  return Number(highest) + 1;
}
