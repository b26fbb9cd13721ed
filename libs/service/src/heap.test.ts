import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What a program prints that has the heap's functions; in a process of its own, since V8's settings are a process's. */
function run(program: string): string {
  const heap = join(import.meta.dirname, 'heap.ts');
  const code = `
    import { getHeapStatistics } from 'node:v8';
    import { constants, PerformanceObserver } from 'node:perf_hooks';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { collectGarbage, settleHeap } from ${JSON.stringify(heap)};
    const kept = [];
    /** Objects that stay, until the heap is larger by so many MiB. */
    const grow = (mib) => {
      for (const limit = getHeapStatistics().used_heap_size + mib * 2 ** 20; getHeapStatistics().used_heap_size < limit; ) {
        for (let index = 0; index < 2000; index++) kept.push({ index, text: String(index) });
      }
    };
    let full = 0;
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++;
    }).observe({ entryTypes: ['gc'] });
    ${program}
  `;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', code], { encoding: 'utf8' }).trim();
}

describe('a heap', () => {
  it('is freed of what is not in use when that is asked for', () => {
    expect(run('const ref = new WeakRef({}); await sleep(1); collectGarbage(); console.log(ref.deref());')).toBe(
      'undefined',
    );
  });

  it('that is small grows by half of its room before V8 collects it again once it is settled', () => {
    const program = 'for (let step = 0; step < 16; step++) { grow(1); await sleep(2); } console.log(full);';
    expect(run(`settleHeap(new AbortController().signal); await sleep(10); full = 0; ${program}`)).toBe('0');
  });

  it('is left to V8 when the service is ending already', () => {
    expect(run('settleHeap(AbortSignal.abort()); await sleep(10); console.log(full);')).toBe('0');
  });
});
