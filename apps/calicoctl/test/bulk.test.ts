import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { resourcePrefix } from '@calico-node/model';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EtcdCli } from './etcd-cli.ts';

const COUNT = 10_000;
const run = promisify(execFile);

let cli: EtcdCli;
let directory: string;
let file: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'calicoctl-bulk-'));
  file = join(directory, 'sets.yaml');
  writeFileSync(file, Array.from({ length: COUNT }, (_, index) => networkSet(index)).join('---\n'));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

beforeEach(async () => {
  cli = await EtcdCli.start();
});

afterEach(async () => {
  await cli[Symbol.asyncDispose]();
});

function networkSet(index: number): string {
  return `apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata:
  name: set-${String(index).padStart(5, '0')}
  labels: {app: web}
spec:
  nets:
  - 10.${index >> 8}.${index & 255}.0/24
  - fd00:${index.toString(16)}::/64
`;
}

async function countStored(): Promise<number> {
  return (await cli.backend.list(resourcePrefix('GlobalNetworkSet'))).items.length;
}

describe(`${COUNT} resources of one file`, () => {
  it('are applied in part when it is interrupted, and the rest when it is run again', async () => {
    const io = cli.io();
    const done = cli.run(['apply', '-f', file], '', io);
    await expect.poll(countStored, { timeout: 30_000 }).toBeGreaterThan(100);
    io.stop.abort();
    const { code, stderr } = await done;
    expect(code).toBe(1);
    const [, handled] =
      /interrupted: applied (\d+) out of 10000 resources; run it again to do the rest/.exec(stderr) ?? [];
    expect(await countStored()).toBe(Number(handled));
    expect(Number(handled)).toBeLessThan(COUNT);
    expect(await cli.succeed(['apply', '-f', file])).toBe(
      `Successfully applied ${COUNT} 'GlobalNetworkSet' resource(s)\n`,
    );
    expect(await countStored()).toBe(COUNT);
  });

  it('need little memory, also through a pipe, and show how far it is', async () => {
    const main = join(import.meta.dirname, '../src/main.ts');
    const { stdout, stderr } = await run(
      'sh',
      ['-c', '"$0" --max-old-space-size=64 "$1" apply -f /dev/stdin < "$2"', process.execPath, main, file],
      { env: { ...process.env, ...cli.env } },
    );
    expect(stdout).toBe(`Successfully applied ${COUNT} 'GlobalNetworkSet' resource(s)\n`);
    expect(stderr).toMatch(/^applied \d+ of 10000 resources \(\d+\/s\)$/m);
  });

  it('change nothing when one is bad', async () => {
    writeFileSync(file, networkSet(COUNT).replace('/24', '/99'), { flag: 'a' });
    writeFileSync(file, `---\n${networkSet(COUNT + 1).replace('/24', '/99')}`, { flag: 'a' });
    const stderr = await cli.fail(['apply', '-f', file]);
    expect(stderr).toMatch(/sets\.yaml:\d+: document 1000[01]: GlobalNetworkSet\(set-10001\): spec\.nets\[0\]: /);
    expect(stderr).toContain('nothing was changed');
    expect(await countStored()).toBe(0);
  });
});
