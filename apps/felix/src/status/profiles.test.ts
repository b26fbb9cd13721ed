import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeCpuProfile } from './profiles.ts';

test('writes a profile that V8’s tools read', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'calico-profile-'));
  try {
    await writeCpuProfile(join(directory, 'a.cpuprofile'), 0.01);
    const profile = JSON.parse(readFileSync(join(directory, 'a.cpuprofile'), 'utf8')) as { nodes: unknown[] };
    expect(profile.nodes.length).toBeGreaterThan(0);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
