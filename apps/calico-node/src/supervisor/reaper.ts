import { readdirSync, readFileSync } from 'node:fs';
import { loadNative } from '@calico-node/netlink';

const WNOHANG = 1;

function readOr<T>(read: () => T, fallback: T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}

/** Our children, also those that others started and left to us; dead ones too. */
function childPids(): readonly number[] {
  return readOr(() => readdirSync('/proc/self/task'), []).flatMap((thread) =>
    readOr(() => readFileSync(`/proc/self/task/${thread}/children`, 'utf8'), '')
      .split(' ')
      .filter((text) => text !== '')
      .map(Number),
  );
}

/**
 * Takes the end of dead children that Node.js did not start. The kernel gives process 1 the orphans of all
 * others, and Node.js waits for its own children only: without this they would stay as zombies.
 *
 * @param own the children that Node.js waits for, which are left to it.
 * @returns the pids that are gone now.
 */
export function reapStrangers(own: ReadonlySet<number>): readonly number[] {
  const native = loadNative();
  // Those that live are let be: WNOHANG gives 0 for them.
  return childPids().filter((pid) => !own.has(pid) && native.waitpid(pid, WNOHANG) === pid);
}

/** Does so whenever a child ends, until disposed of. */
export function reapWhenTold(own: () => ReadonlySet<number>): Disposable {
  const onEnd = (): void => {
    reapStrangers(own());
  };
  process.on('SIGCHLD', onEnd);
  onEnd();
  return {
    [Symbol.dispose]: () => {
      process.removeListener('SIGCHLD', onEnd);
    },
  };
}
