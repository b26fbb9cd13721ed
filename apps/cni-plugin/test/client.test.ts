import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeAnswer, parseRequest, type Call } from '../src/server/frame.ts';

let dir: string;
let server: Server | undefined;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-client-'));
  for (const name of ['run', 'dist/bin', 'dist/lib', 'elsewhere']) mkdirSync(join(dir, name), { recursive: true });
  execFileSync(join(import.meta.dirname, '../native/build.sh'), [join(dir, 'dist/bin')]);
  symlinkSync(join(dir, 'dist/bin/calico-ipam'), join(dir, 'elsewhere/calico-ipam'));
});

afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(join(dir, 'run/cni.sock'), { force: true });
  rmSync(join(dir, 'dist/lib/cni-plugin.mjs'), { force: true });
});

/** Serves one answer to whatever request is complete. */
async function serve(answer: (call: Call, socket: Socket) => void): Promise<void> {
  server = createServer((socket) => {
    let received = Buffer.alloc(0);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const request = parseRequest(received);
      if (request.state === 'complete') answer(request.call, socket);
    });
  });
  server.listen(join(dir, 'run/cni.sock'));
  await once(server, 'listening');
}

async function exec(
  stdin: string,
  env: Record<string, string> = {},
  program = 'dist/bin/calico',
  args: string[] = [],
): Promise<{ code: number; stdout: string }> {
  const child = spawn(join(dir, program), args, {
    env: { PATH: process.env['PATH'], CALICO_RUN_DIR: join(dir, 'run'), CALICO_NODE_BINARY: process.execPath, ...env },
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(stdin);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout };
}

const tryAgain = { code: 1, stdout: expect.stringContaining('"code":11') as string };

describe('the exec’d client', () => {
  test('passes its name, the CNI environment and its input, and prints what comes back', async () => {
    const calls: Call[] = [];
    await serve((call, socket) => {
      calls.push(call);
      socket.end(encodeAnswer({ stdout: 'ä result\n', exitCode: 7 }));
    });
    const stdin = `{"pad": "${'ü'.repeat(200_000)}"}`;
    const env = { CNI_COMMAND: 'ADD', CNI_ARGS: 'A=b;C=d', OTHER: 'x' };
    expect(await exec(stdin, env)).toEqual({ code: 7, stdout: 'ä result\n' });
    expect(calls).toEqual([{ program: 'calico', variables: { CNI_COMMAND: 'ADD', CNI_ARGS: 'A=b;C=d' }, stdin }]);
  });

  test('is calico-ipam under that name, also through a symbolic link', async () => {
    await serve((call, socket) => socket.end(encodeAnswer({ stdout: call.program, exitCode: 0 })));
    expect(await exec('', {}, 'elsewhere/calico-ipam')).toEqual({ code: 0, stdout: 'calico-ipam' });
  });

  test('runs the bundled program beside it when no server runs, with the input that it has read', async () => {
    const echo = 'process.stdout.write(process.argv[2] + require("fs").readFileSync(0)); process.exitCode = 3;';
    writeFileSync(
      join(dir, 'dist/lib/cni-plugin.mjs'),
      `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); ${echo}`,
    );
    const stdin = 'x'.repeat(300_000);
    expect(await exec(stdin, {}, 'elsewhere/calico-ipam')).toEqual({ code: 3, stdout: `calico-ipam${stdin}` });
  });

  test('says "try again later" when there is neither', async () => {
    expect(await exec('{}', { CNI_COMMAND: 'ADD' })).toEqual(tryAgain);
  });

  test('knows its versions by itself', async () => {
    const { code, stdout } = await exec('{}', { CNI_COMMAND: 'VERSION' });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      supportedVersions: expect.arrayContaining(['0.1.0', '1.1.0']) as string[],
    });
  });

  test('trusts no answer that breaks off, or that announces too much', async () => {
    await serve((_, socket) => socket.end(Buffer.from([0, 0, 0, 9, 0, 0x7b])));
    expect(await exec('{}', { CNI_COMMAND: 'ADD' })).toEqual(tryAgain);
    server?.close();
    rmSync(join(dir, 'run/cni.sock'), { force: true });
    await serve((_, socket) => socket.end(Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0x7b])));
    expect(await exec('{}', { CNI_COMMAND: 'ADD' })).toEqual(tryAgain);
  });

  test('refuses more than a mebibyte of input, and run directories that no socket address can hold', async () => {
    const { code, stdout } = await exec('x'.repeat(1 << 21));
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ code: 7 });
    expect(await exec('{}', { CALICO_RUN_DIR: `/${'d'.repeat(300)}` })).toEqual(tryAgain);
  });

  test('prints version and usage', async () => {
    expect(await exec('', {}, 'dist/bin/calico', ['-v'])).toEqual({ code: 0, stdout: '0.1.0\n' });
    expect((await exec('', {}, 'dist/bin/calico', ['--help'])).stdout).toContain('CNI_COMMAND');
    expect((await exec('', {}, 'dist/bin/calico', ['--nothing'])).code).toBe(2);
  });
});
