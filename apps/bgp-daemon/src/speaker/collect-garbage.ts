import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Frees what is not in use, now: V8 itself waits until it is short of memory or has been idle for long. Takes some 10 ms.
 * One collection and no more: those that follow would take compiled code for unused.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
  setFlagsFromString('--no-expose-gc');
}
