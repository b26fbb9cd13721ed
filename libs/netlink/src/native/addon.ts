import { createRequire } from 'node:module';
import type { NativeTable } from './table.ts';

/** What native/netsock.c exports. */
interface Addon extends Omit<NativeTable, 'backend' | 'watchReadable'> {
  pollStart(fd: number, onReadable: () => void): object;
  pollStop(handle: object): void;
}

/** Loads the addon from a file. Throws what `require` throws when the file is missing or does not fit. */
export function loadAddon(file: string): NativeTable {
  // The file was made from netsock.c, which exports these functions.
  const addon = createRequire(import.meta.url)(file) as Addon;
  return {
    ...addon,
    backend: 'addon',
    watchReadable(fd, onReadable) {
      const handle = addon.pollStart(fd, onReadable);
      return () => {
        addon.pollStop(handle);
      };
    },
  };
}
