import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { secretsIn } from './secrets.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calico-secrets-'));
  mkdirSync(join(directory, 'bgp'));
  writeFileSync(join(directory, 'bgp', 'tor'), 'pass word\n');
  writeFileSync(join(directory, 'outside'), 'x');
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('secrets in a directory', () => {
  it('are files named by their key, without the line end', () => {
    expect(secretsIn(directory)('bgp', 'tor')).toBe('pass word');
  });

  it.each([
    ['bgp', 'missing'],
    ['bgp', '..'],
    ['..', 'outside'],
    ['bgp', '../outside'],
    ['', 'outside'],
  ])('are none for %j, %j', (name, key) => {
    expect(secretsIn(directory)(name, key)).toBeUndefined();
  });
});
