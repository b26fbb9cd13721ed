import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadNativeFrom } from './load.ts';

describe('loadNativeFrom', () => {
  test('takes koffi when asked to', () => {
    expect(loadNativeFrom({ CALICO_NATIVE: 'koffi' }).backend).toBe('koffi');
  });

  test('goes on to the next place when a file does not load', () => {
    const directory = mkdtempSync(join(tmpdir(), 'netsock-'));
    try {
      writeFileSync(join(directory, `netsock-linux-${process.arch}.node`), 'not an addon');
      expect(loadNativeFrom({ CALICO_NATIVE_DIR: directory }).close(-1)).toBe(-9);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test.each(['addon', 'koffi'])('gives the negative errno of a call that fails: %s', (name) => {
    const native = loadNativeFrom({ CALICO_NATIVE: name });
    expect(native.close(-1)).toBe(-9);
    expect(native.umount('/no/such/place', 0)).toBe(-2);
    expect(native.recv(-1, new Uint8Array(1), 0)).toBe(-9);
  });

  test.each(['addon', 'koffi'])('sends, receives and tells of readiness: %s', async (name) => {
    const native = loadNativeFrom({ CALICO_NATIVE: name });
    const open = (): number => native.socket(1, 2 | 0o2000000, 0);
    const receiver = open();
    const sender = open();
    // AF_UNIX with an empty path: the kernel chooses an abstract address.
    expect(native.bind(receiver, Uint8Array.of(1, 0))).toBe(0);
    const address = new Uint8Array(110);
    const length = native.getsockname(receiver, address);
    expect(native.connect(sender, address.subarray(0, length))).toBe(0);
    const buffer = new Uint8Array(16);
    expect(native.recv(receiver, buffer, 0x40)).toBe(-11);
    const { promise: readable, resolve } = Promise.withResolvers<number>();
    const stop = native.watchReadable(receiver, () => {
      resolve(native.recv(receiver, buffer, 0x40));
    });
    expect(await native.sendAsync(sender, Uint8Array.of(1, 2, 3), 0)).toBe(3);
    expect(await readable).toBe(3);
    stop();
    stop();
    expect([...buffer.subarray(0, 3)]).toEqual([1, 2, 3]);
    const size = new Uint8Array(4);
    expect(native.getsockopt(receiver, 1, 8, size)).toBe(4);
    expect(native.close(sender)).toBe(0);
    expect(native.close(receiver)).toBe(0);
  });
});
