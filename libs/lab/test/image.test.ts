/*
 * The image's root file system: made again from the same build and packages it is the same, byte for byte.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { prepareNodeImage } from '../src/containers/index.ts';

const repository = join(import.meta.dirname, '../../..');
const image = join(repository, 'dist/image');
const problem = await prepareNodeImage();
if (problem !== undefined) console.warn(`skipped: the image is made again: ${problem}`);

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

describe.skipIf(problem !== undefined)('the image', () => {
  const architecture = process.arch === 'x64' ? 'amd64' : 'arm64';
  let dir: string;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'cnt-image-'));
  });

  afterAll(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  test('made again has the same bytes, and lists what is in it', async () => {
    const [root, archive] = [join(dir, 'rootfs'), join(dir, 'again.tar')];
    const script = 'tools/image/rootfs.sh "$0" "$1" && tools/image/archive.sh "$0" "$2"';
    const args = ['-c', script, root, join(image, 'debs'), archive];
    await promisify(execFile)('sh', args, { cwd: repository, timeout: 100_000 });
    expect(await digestOf(archive)).toBe(await digestOf(join(image, `calico-node-${architecture}.tar`)));
    const bill = JSON.parse(readFileSync(join(root, 'usr/share/sbom/calico-node.cdx.json'), 'utf8')) as {
      readonly components: readonly { readonly name: string; readonly purl?: string }[];
    };
    const names = new Set(bill.components.map(({ name }) => name));
    for (const name of ['nftables', 'bird2', 'pino', `node-linux-${process.arch}`]) expect(names).toContain(name);
  }, 120_000);
});
