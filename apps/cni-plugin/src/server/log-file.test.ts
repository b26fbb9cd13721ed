import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { appendLogLine } from './log-file.ts';

test('a full log file is put aside, and only so many, and so old, are kept', () => {
  const dir = mkdtempSync(join(tmpdir(), 'cnt-log-'));
  onTestFinished(() => {
    rmSync(dir, { recursive: true });
  });
  const path = join(dir, 'deep/cni.log');
  const day = 24 * 3_600_000;
  const limits = { maxMegabytes: 0.000_01, maxAgeDays: 3, maxCount: 2 };
  for (const now of [1, 2, 3, 4, 5]) appendLogLine(path, `line ${now}\n`, limits, now * 1000);
  expect(readdirSync(join(dir, 'deep')).sort()).toEqual(['cni.log', 'cni.log.4000', 'cni.log.5000']);
  expect(readFileSync(path, 'utf8')).toBe('line 5\n');
  expect(readFileSync(`${path}.5000`, 'utf8')).toBe('line 4\n');
  appendLogLine(path, 'line 6\n', limits, 4 * day);
  expect(readdirSync(join(dir, 'deep')).sort()).toEqual(['cni.log', `cni.log.${4 * day}`]);
  appendLogLine(path, 'x', { ...limits, maxMegabytes: 1 }, 5 * day);
  expect(readFileSync(path, 'utf8')).toBe('line 6\nx');
});
