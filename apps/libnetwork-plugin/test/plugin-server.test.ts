import { existsSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PluginServer, type Plugin } from '../src/http/plugin-server.ts';

let dir: string;
const never = new AbortController().signal;
const plugin: Plugin = {
  implements: 'IpamDriver',
  methods: {
    Echo: (body) => ({ body }),
    Fail: () => {
      throw new Error('no such thing');
    },
  },
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-plugin-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function ask(socketPath: string, path: string, body = ''): Promise<{ status: number; type: string; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, method: 'POST', agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => {
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'] ?? '', text });
      });
    });
    call.once('error', reject).end(body);
  });
}

test('activation, a method, a refusal and an unknown method are answered as Docker expects', async () => {
  const path = join(dir, 'made/for/it/calico-ipam.sock');
  const calls: string[] = [];
  const onCall = (method: string, _: number, error?: unknown): void => {
    calls.push(error === undefined ? method : `${method} refused`);
  };
  await using _server = await PluginServer.listen({ path, plugin, onCall, signal: never });
  expect(statSync(path).mode & 0o777).toBe(0o660);
  const activated = await ask(path, '/Plugin.Activate');
  expect(activated.type).toBe('application/vnd.docker.plugins.v1.1+json');
  expect(JSON.parse(activated.text)).toEqual({ Implements: ['IpamDriver'] });
  expect(JSON.parse((await ask(path, '/IpamDriver.Echo', '{"a":1}')).text)).toEqual({ body: { a: 1 } });
  expect(await ask(path, '/IpamDriver.Fail', '{}')).toMatchObject({ status: 500, text: '{"Err":"no such thing"}\n' });
  expect(await ask(path, '/IpamDriver.Echo', '{')).toMatchObject({
    status: 500,
    text: '{"Err":"the request is not JSON"}\n',
  });
  expect(await ask(path, '/IpamDriver.toString')).toMatchObject({ status: 404 });
  expect(await ask(path, '/NetworkDriver.Echo')).toMatchObject({ status: 404 });
  expect(await ask(path, '/IpamDriver.Echo', `"${'x'.repeat(1 << 20)}"`)).toMatchObject({ status: 500 });
  expect(calls).toEqual(['Echo', 'Fail refused', 'Echo refused', 'Echo refused']);
});

test('a socket that a dead process left is replaced, a live one is not, and ours goes with us', async () => {
  const path = join(dir, 'calico.sock');
  const options = { path, plugin, onCall: () => undefined, signal: never };
  const dead = createServer().listen(join(dir, 'elsewhere.sock'));
  await new Promise((resolve) => dead.once('listening', resolve));
  // Under another name it outlives its server, as that of a killed process does.
  renameSync(join(dir, 'elsewhere.sock'), path);
  await expect(PluginServer.listen(options)).rejects.toThrow('another process already serves');
  await new Promise((resolve) => dead.close(resolve));
  expect(existsSync(path)).toBe(true);
  {
    await using _server = await PluginServer.listen(options);
    expect(existsSync(path)).toBe(true);
  }
  expect(existsSync(path)).toBe(false);
});
