import { execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCli, type Cli } from './cli.ts';

const dist = join(import.meta.dirname, '../../../dist');
const snapshot = 'calicoctl.snapshot';

const node = { apiVersion: 'projectcalico.org/v3', kind: 'Node', metadata: { name: 'n1' }, spec: {} };

let cli: Cli;
/** A copy of what is built, in a place of its own. */
let place: string;
let program: string;

beforeAll(async () => {
  cli = await startCli();
  place = mkdtempSync(join(tmpdir(), 'calicoctl-built-'));
  program = join(place, 'bin/calicoctl');
  mkdirSync(join(place, 'lib'));
  cpSync(join(dist, 'bin/calicoctl'), program, { preserveTimestamps: true });
  for (const name of readdirSync(join(dist, 'lib')).filter((file) => file.startsWith('calicoctl'))) {
    cpSync(join(dist, 'lib', name), join(place, 'lib', name), { preserveTimestamps: true });
  }
  cpSync(join(dist, 'proto'), join(place, 'proto'), { recursive: true });
  symlinkSync(join(dist, 'lib/node'), join(place, 'lib/node'));
});

afterAll(async () => {
  rmSync(place, { recursive: true, force: true });
  await cli[Symbol.asyncDispose]();
});

async function run(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env: cli.environment });
  return stdout;
}

async function runWithInput(input: string, ...args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = spawn(program, args, { env: cli.environment });
  const ended = new Promise<number>((resolve) =>
    child.on('close', (code) => {
      resolve(code ?? -1);
    }),
  );
  child.stdin.end(input);
  const output = (await Promise.all([text(child.stdout), text(child.stderr)])).join('');
  return { code: await ended, output };
}

describe('the built program', () => {
  it('reads and writes, from the snapshot', async () => {
    expect(existsSync(join(place, 'lib', snapshot))).toBe(true);
    expect(await runWithInput(JSON.stringify(node), 'apply', '-f', '-')).toEqual({
      code: 0,
      output: "Successfully applied 1 'Node' resource(s)\n",
    });
    expect(await run('get', 'nodes')).toBe('NAME   \nn1     \n\n');
    expect(await run('get', 'node', 'n1', '-o', 'yaml')).toContain('name: n1\n');
    expect(await run('get', 'ippools', '-o', 'wide')).toContain('ASSIGNMENTMODE');
  });

  it('takes the environment and arguments of each call, and fails with exit code 1', async () => {
    await expect(run('get', 'node', 'n2')).rejects.toMatchObject({
      code: 1,
      stderr: 'resource does not exist: Node(n2)\n',
    });
    expect(await run('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await run('get', '--help')).toContain('--all-namespaces');
    const elsewhere = { env: { ...cli.environment, ETCD_ENDPOINTS: 'nonsense' } };
    await expect(promisify(execFile)(program, ['get', 'nodes'], elsewhere)).rejects.toMatchObject({
      stderr: expect.stringContaining("'nonsense' is not a URL") as string,
    });
  });

  it('works through a symbolic link, from any directory', async () => {
    symlinkSync('bin/calicoctl', join(place, 'ctl'));
    const { stdout } = await promisify(execFile)('./ctl', ['get', 'nodes', '-o', 'yaml'], {
      cwd: place,
      env: cli.environment,
    });
    expect(stdout).toContain('kind: NodeList');
  });

  it('ends in peace when nobody reads on', async () => {
    const env = { ...cli.environment, program };
    const { stderr } = await promisify(execFile)(
      'bash',
      ['--norc', '-o', 'pipefail', '-c', '"$program" export | true'],
      { env },
    );
    expect(stderr).toBe('');
  });

  it('runs without the snapshot when there is none, or Node.js was replaced since', async () => {
    const before = await run('get', 'nodes', '-o', 'json');
    utimesSync(join(place, 'lib', snapshot), 1, 1);
    expect(await run('get', 'nodes', '-o', 'json')).toBe(before);
    rmSync(join(place, 'lib', snapshot));
    expect(await run('get', 'nodes', '-o', 'json')).toBe(before);
    expect((await runWithInput(JSON.stringify(node), 'apply', '-f', '-')).code).toBe(0);
  });
});
