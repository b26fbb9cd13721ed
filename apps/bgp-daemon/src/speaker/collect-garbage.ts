import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Frees what is not in use, now: V8 itself waits until it is short of memory or has been idle for long. Takes some 10 ms.
 * What has not run since the last collection may lose its compiled code.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
  setFlagsFromString('--no-expose-gc');
}
