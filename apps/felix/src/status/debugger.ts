import type { Logger } from '@calico-node/service';
import type { FelixParameters } from '../config/parameters.ts';

/** How long a profile of the processor's use is. */
const PROFILE_SECONDS = 10;

type DebugParameters = Pick<
  FelixParameters,
  'DebugCPUProfilePath' | 'DebugHost' | 'DebugMemoryProfilePath' | 'DebugPort'
>;

/**
 * The means to look into a running Felix, until disposed of: V8's inspector on DebugHost and DebugPort, and profiles when
 * SIGUSR1 comes: of ten seconds of the processor's use, and the whole heap where DebugMemoryProfilePath names a file,
 * which takes a second or so for everything else. What they need is loaded when it is asked for.
 */
export async function openForDebugging(values: DebugParameters, log: Logger): Promise<Disposable> {
  const onSignal = (): void => {
    void writeProfiles(values, log);
  };
  process.on('SIGUSR1', onSignal);
  const { DebugHost: host, DebugPort: port } = values;
  const inspector = port === 0 ? undefined : await import('node:inspector');
  inspector?.open(port, host);
  if (inspector !== undefined) log.warn({ host, port }, 'the inspector is open to whoever reaches this address');
  return {
    [Symbol.dispose]: () => {
      process.removeListener('SIGUSR1', onSignal);
      inspector?.close();
    },
  };
}

/** Each of the profiles that have a file. `<timestamp>` in its name becomes the time. */
async function writeProfiles(values: DebugParameters, log: Logger): Promise<void> {
  const timestamp = new Date().toISOString();
  const profiles = await import('./profiles.ts');
  const write = async (path: string, kind: string, make: (file: string) => Promise<void>): Promise<void> => {
    if (path === '') return;
    const file = path.replaceAll('<timestamp>', timestamp);
    try {
      await make(file);
      log.info({ file, kind }, 'a profile is written');
    } catch (error) {
      log.warn({ err: error, file, kind }, 'a profile cannot be written');
    }
  };
  await write(values.DebugMemoryProfilePath, 'heap', profiles.writeHeap);
  await write(values.DebugCPUProfilePath, 'cpu', (file) => profiles.writeCpuProfile(file, PROFILE_SECONDS));
}
