import { closeSync, openSync } from 'node:fs';
import { checkResult, errnoNumber } from './errno.ts';
import { loadNative } from './native/load.ts';
import type { NativeTable } from './native/table.ts';

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes a file's lock (flock(2), exclusive), and makes the file where there is none. Undefined while another process
 * holds it. Disposing gives the lock back.
 */
export function tryLockFile(path: string, native: NativeTable = loadNative()): Disposable | undefined {
  const fd = openSync(path, 'a', 0o600);
  const result = native.flock(fd, LOCK_EX | LOCK_NB);
  if (result < 0) {
    closeSync(fd);
    if (result === -errnoNumber('EAGAIN')) return undefined;
    checkResult(result, 'flock', path);
  }
  return {
    [Symbol.dispose]: () => {
      closeSync(fd);
    },
  };
}
