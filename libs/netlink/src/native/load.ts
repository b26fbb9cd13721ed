import { access, existsSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from './addon.ts';
import { loadKoffi } from './koffi.ts';
import type { NativeTable } from './table.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** The places where the addon may be, best first. */
function addonFiles(env: Environment): readonly string[] {
  const file = `netsock-linux-${process.arch}.node`;
  const here = fileURLToPath(new URL('.', import.meta.url));
  const configured = env['CALICO_NATIVE_DIR'];
  return [
    ...(configured === undefined ? [] : [join(configured, file)]),
    // Beside the running bundle, or beside the folder of the chunk that this is in.
    join(here, 'native', file),
    join(here, '../native', file),
    // In the source tree, where native/build.sh puts it.
    join(here, '../../native/build', file),
  ];
}

/**
 * Loads a back end anew: the first addon file that exists and loads, else koffi. `CALICO_NATIVE=koffi` asks for koffi,
 * `CALICO_NATIVE_DIR` says where to look first. Throws an Error that lists every attempt when nothing loads.
 */
export function loadNativeFrom(env: Environment): NativeTable {
  if (endianness() !== 'LE') throw new Error('libs/netlink encodes for little-endian machines only');
  const failures: string[] = [];
  if (env['CALICO_NATIVE'] !== 'koffi') {
    for (const file of addonFiles(env)) {
      if (!existsSync(file)) continue;
      try {
        return loadAddon(file);
      } catch (error) {
        failures.push(String(error));
      }
    }
  }
  try {
    return loadKoffi();
  } catch (error) {
    failures.push(String(error));
    throw new Error(`no kernel binding: run libs/netlink/native/build.sh, or install koffi (${failures.join('; ')})`);
  }
}

let loaded: NativeTable | undefined;

/**
 * The process's kernel binding, loaded at the first call. That call also starts libuv's thread pool, so that none
 * of its threads is born inside another network namespace and stays there.
 */
export function loadNative(): NativeTable {
  if (loaded === undefined) {
    loaded = loadNativeFrom(process.env);
    access('/', () => undefined);
  }
  return loaded;
}
