import { constants, PerformanceObserver, type NodeGCPerformanceDetail, type PerformanceEntry } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const fullCollection = constants.NODE_PERFORMANCE_GC_MAJOR;

interface CollectionEntry extends PerformanceEntry {
  readonly detail: NodeGCPerformanceDetail;
}

/** How much a heap may grow between full collections. */
const roomBytes = 32 * 2 ** 20;

/**
 * Frees what is not in use, now: V8 itself waits until it is short of memory or has been idle for long. Takes some 10 ms.
 * What has not run since the last collection may lose its compiled code.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
  setFlagsFromString('--no-expose-gc');
}

function allowRoom(): void {
  const used = getHeapStatistics().used_heap_size;
  // V8 reads it at the end of each full collection; at 0 it judges by itself, as it does for a heap that is not small.
  const percent = used > 2 * roomBytes ? 0 : Math.floor((100 * roomBytes) / used);
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/**
 * Has full collections come seldom while the heap is small, for a process that somebody waits for: by itself, V8 collects
 * a heap of 15 MiB each time that it has grown by 3 to 5, and what is asked for meanwhile takes some 20 ms longer. To be
 * called once, at the end of start-up: frees what that has left. Holds until the signal fires.
 */
export function settleHeap(signal: AbortSignal): void {
  if (signal.aborted) return;
  allowRoom();
  collectGarbage();
  const observer = new PerformanceObserver((list) => {
    const isFull = list.getEntries().some((entry) => (entry as CollectionEntry).detail.kind === fullCollection);
    if (isFull) allowRoom();
  });
  observer.observe({ entryTypes: ['gc'] });
  signal.addEventListener('abort', () => {
    observer.disconnect();
  });
}
