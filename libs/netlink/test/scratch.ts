import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { loadNativeFrom } from '../src/native/load.ts';
import type { NativeTable } from '../src/native/table.ts';
import { createNetns, deleteNetns } from '../src/index.ts';

/** Every way to the kernel that there is here, by name; the same suites run on each. */
export const backends: readonly (readonly [NativeTable['backend'], NativeTable])[] = [
  ...new Map(
    ['addon', 'koffi'].map((name) => {
      const native = loadNativeFrom({ CALICO_NATIVE: name });
      return [native.backend, native] as const;
    }),
  ),
];

/** A namespace with a name of its own, gone at the end of its scope. */
export function scratchNetns(): Disposable & { readonly name: string } {
  const name = `cnt-${randomBytes(5).toString('hex')}`;
  createNetns(name);
  return {
    name,
    [Symbol.dispose]: () => {
      if (existsSync(`/run/netns/${name}`)) deleteNetns(name);
    },
  };
}

/** Lets the event loop turn until the condition holds; throws when that takes so long that it never will. */
export async function until(holds: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`still not so: ${holds.toString()}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}
