import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { birdCases } from '../src/bird/cases.ts';
import { renderBirdFiles } from '../src/bird/render-bird.ts';
import { anyResources } from '../src/derive/arbitrary.ts';
import type { BgpResources, RenderOptions } from '../src/derive/resources.ts';
import { birdCommands } from '../src/files/bird-commands.ts';
import { writeFileSet } from '../src/files/file-set-writer.ts';

let directory: string;
const { signal } = new AbortController();

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calico-bird-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Fails with what `bird -p` says where it refuses. */
async function expectAccepted(resources: BgpResources, options: RenderOptions): Promise<void> {
  const { check } = birdCommands({ controlDir: directory });
  for (const set of renderBirdFiles(resources, options).config) await writeFileSet(set, directory, check, signal);
}

describe('BIRD 2', () => {
  it.each(birdCases)('accepts the golden files: $name', async ({ resources, options }) => {
    await expectAccepted(resources, options);
  });

  it('accepts the files of whatever the store holds', async () => {
    await fc.assert(
      fc.asyncProperty(anyResources, async (resources) => {
        await expectAccepted(resources, { nodeName: 'n1', secretOf: () => 'secret' });
      }),
      { numRuns: 60 },
    );
  });

  it('refuses what is no configuration, and its reason is told', async () => {
    const { check } = birdCommands({ controlDir: directory });
    const set = { name: 'bird', main: 'bird.cfg', files: [{ name: 'bird.cfg', text: 'nonsense;\n' }], isSecret: false };
    await expect(writeFileSet(set, directory, check, signal)).rejects.toThrow(
      /^bird\.cfg is not replaced: bird: bird\.cfg:1:\d+ syntax error/,
    );
  });
});
