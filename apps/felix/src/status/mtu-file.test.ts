import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@calico-node/service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MtuFile } from './mtu-file.ts';

const log = createLogger('test', 'silent');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calico-mtu-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** `failed`, or `well` when nothing has failed by now. */
const stateOf = (file: MtuFile) =>
  Promise.race([
    file.failed.catch(() => 'failed'),
    new Promise((resolve) => {
      setImmediate(resolve, 'well');
    }),
  ]);

test('has the newest MTU, and makes its directory', async () => {
  const file = new MtuFile(join(directory, 'lib/mtu'), true, log);
  file.write(1450);
  file.write(1400);
  expect(readFileSync(join(directory, 'lib/mtu'), 'utf8')).toBe('1400');
  expect(await stateOf(file)).toBe('well');
});

test.each([
  [true, 'failed'],
  [false, 'well'],
])('that cannot be written, and is required: %s', async (isRequired, state) => {
  writeFileSync(join(directory, 'lib'), 'no directory');
  const file = new MtuFile(join(directory, 'lib/mtu'), isRequired, log);
  file.write(1450);
  expect(await stateOf(file)).toBe(state);
});
