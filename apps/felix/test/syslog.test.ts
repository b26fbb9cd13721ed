import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadNative } from '@calico-node/netlink';
import { createLogger } from '@calico-node/service';
import { expect, test } from 'vitest';
import { logToSyslog } from '../src/status/syslog.ts';

const native = loadNative();

/** A daemon's socket: unix, datagrams, non-blocking. */
function listen(path: string): number {
  const fd = native.socket(1, 2 | 0o4000, 0);
  expect(native.bind(fd, Uint8Array.from([1, 0, ...Buffer.from(path), 0]))).toBe(0);
  return fd;
}

function received(fd: number): readonly string[] {
  const texts: string[] = [];
  const buffer = new Uint8Array(4096);
  for (let length = native.recv(fd, buffer, 0); length >= 0; length = native.recv(fd, buffer, 0)) {
    texts.push(Buffer.from(buffer.subarray(0, length)).toString());
  }
  return texts;
}

/** Counts what is lost. */
function countLosses() {
  const lost = { dropped: 0, failed: 0 };
  const losses = {
    dropped: () => {
      lost.dropped += 1;
    },
    failed: () => {
      lost.failed += 1;
    },
  };
  return { lost, losses };
}

test('syslog gets the lines of its level and above, also once it was started again', () => {
  const directory = mkdtempSync(join(tmpdir(), 'calico-syslog-'));
  const path = join(directory, 'log');
  const log = createLogger('test', 'silent');
  try {
    const { lost, losses } = countLosses();
    using _copy = logToSyslog(log, 'warn', { waits: false, losses, path });
    log.error('before there is one');
    let daemon = listen(path);
    log.info('too little');
    log.warn('a warning');
    log.error('an error');
    expect(received(daemon)).toEqual([
      expect.stringMatching(/^<12>calico-felix\[\d+\]: \{"level":"warn".*"a warning"\}$/),
      expect.stringMatching(/^<11>calico-felix\[\d+\]: \{"level":"error".*"an error"\}$/),
    ]);
    native.close(daemon);
    rmSync(path);
    log.warn('while it is away');
    daemon = listen(path);
    log.warn('and when it is back');
    expect(received(daemon)).toEqual([expect.stringContaining('and when it is back')]);
    expect(lost).toEqual({ dropped: 0, failed: 2 });
    // Nobody reads: the kernel keeps some, and the rest is counted.
    for (let line = 0; line < 1000; line++) log.warn('more');
    expect(lost.dropped).toBeGreaterThan(0);
    expect(lost.dropped + received(daemon).length).toBe(1000);
    native.close(daemon);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
