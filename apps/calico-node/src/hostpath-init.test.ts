import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@calico-node/service';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initHostPaths } from './hostpath-init.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cnt-hostpath-'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

const ownerOf = (path: string): number => statSync(join(root, path)).uid;
const self = String(process.getuid?.() ?? 0);

test('makes the directories on the host, and again changes nothing', () => {
  const first = initHostPaths({ NODE_USER_ID: self }, root);
  expect(first).toEqual(
    ['var/lib/calico', 'var/run/calico', 'var/log/calico', 'var/log/calico/cni'].map((path) => join(root, path)),
  );
  expect(statSync(join(root, 'var/lib/calico')).mode & 0o777).toBe(0o700);
  expect(initHostPaths({ NODE_USER_ID: self }, root)).toEqual(first);
});

test.runIf(self === '0')('gives them to the node’s user with the logs in them, but not what a link leads to', () => {
  mkdirSync(join(root, 'var/log/calico/cni'), { recursive: true });
  for (const name of ['var/log/calico/cni/cni.log', 'elsewhere']) writeFileSync(join(root, name), '');
  symlinkSync(join(root, 'elsewhere'), join(root, 'var/log/calico/cni/link'));
  initHostPaths({}, root);
  for (const path of ['var/lib/calico', 'var/run/calico', 'var/log/calico', 'var/log/calico/cni/cni.log']) {
    expect([path, ownerOf(path)]).toEqual([path, 1000]);
  }
  expect(ownerOf('elsewhere')).toBe(0);
});

test('refuses a user that is none, before anything is made', () => {
  expect(() => initHostPaths({ NODE_USER_ID: 'calico' }, root)).toThrow(ConfigError);
  expect(() => initHostPaths({ NODE_USER_ID: 'calico' }, root)).toThrow("NODE_USER_ID='calico': must be a user id");
  expect(() => statSync(join(root, 'var'))).toThrow('ENOENT');
});
