import { writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';

/** Writes the whole heap (V8's .heapsnapshot), while which nothing else is done. */
export function writeHeap(file: string): Promise<void> {
  writeHeapSnapshot(file);
  return Promise.resolve();
}

/** Writes what the process does in the next seconds (V8's .cpuprofile). */
export async function writeCpuProfile(file: string, seconds: number): Promise<void> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.start');
    await delay(seconds * 1000);
    const { profile } = await session.post('Profiler.stop');
    await writeFile(file, JSON.stringify(profile));
  } finally {
    session.disconnect();
  }
}
