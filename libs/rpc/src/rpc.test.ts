import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { callUnary, connectUnix } from './client.ts';
import { RpcError } from './errors.ts';
import { ipamV1 } from './index.ts';
import { serveUnix, unary } from './server.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rpc-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

type Release = (handle: string, signal: AbortSignal) => Promise<string[]>;

function serve(path: string, release: Release): ReturnType<typeof serveUnix> {
  const unused = unary(() => {
    throw new RpcError('FAILED_PRECONDITION', 'not in this test');
  });
  const implementation = {
    autoAssign: unused,
    assignIp: unused,
    releaseIps: unused,
    releaseByHandle: unary(async ({ handleId }: ipamV1.ReleaseByHandleRequest, { signal }) => ({
      released: await release(handleId, signal),
    })),
  };
  return serveUnix(path, [[ipamV1.IpamServiceService, implementation]]);
}

function connect(path: string) {
  const client = connectUnix(ipamV1.IpamServiceClient, path);
  const call = (handleId: string, options = {}) =>
    callUnary(client.releaseByHandle.bind(client), { handleId }, options);
  return {
    call,
    [Symbol.dispose]: () => {
      client.close();
    },
  };
}

describe('gRPC on a unix socket', () => {
  test('carries a call, on a socket that others cannot open', async () => {
    const path = join(dir, 's');
    await using _server = await serve(path, (handle) => Promise.resolve([handle]));
    using client = connect(path);
    expect(await client.call('h')).toEqual({ released: ['h'] });
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  test('keeps the code of an RpcError, and names anything else INTERNAL', async () => {
    const path = join(dir, 's');
    await using _server = await serve(path, (handle) =>
      Promise.reject(handle === 'full' ? new RpcError('RESOURCE_EXHAUSTED', 'try again') : new Error('broken')),
    );
    using client = connect(path);
    await expect(client.call('full')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED', message: 'try again' });
    await expect(client.call('x')).rejects.toMatchObject({ code: 'INTERNAL', message: 'broken' });
  });

  test('fails at once when nobody serves, or waits when it is asked to', async () => {
    const path = join(dir, 's');
    using client = connect(path);
    await expect(client.call('h', { timeoutMs: 5000 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const waiting = client.call('late', { timeoutMs: 10_000, waitForReady: true });
    await using _server = await serve(path, (handle) => Promise.resolve([handle]));
    expect(await waiting).toEqual({ released: ['late'] });
  });

  test('makes a repeatable call anew until somebody serves, and gives up at the time limit', async () => {
    const path = join(dir, 's');
    using client = connect(path);
    await expect(client.call('h', { timeoutMs: 100, repeatable: true })).rejects.toBeInstanceOf(RpcError);
    const trying = client.call('late', { timeoutMs: 10_000, repeatable: true });
    await using _server = await serve(path, (handle) => Promise.resolve([handle]));
    expect(await trying).toEqual({ released: ['late'] });
  });

  test('tells the handler when the caller gives up', async () => {
    const path = join(dir, 's');
    const given = Promise.withResolvers<undefined>();
    const arrived = Promise.withResolvers<undefined>();
    await using _server = await serve(path, (_, signal) => {
      arrived.resolve(undefined);
      return new Promise(() => {
        signal.addEventListener('abort', () => {
          given.resolve(undefined);
        });
      });
    });
    using client = connect(path);
    const abort = new AbortController();
    const call = client.call('h', { signal: abort.signal });
    await arrived.promise;
    abort.abort();
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    await given.promise;
  });

  test('fails a call that has no answer when the server ends, and a repeatable one goes to the next', async () => {
    const path = join(dir, 's');
    const arrived = Promise.withResolvers<undefined>();
    const given = Promise.withResolvers<undefined>();
    const server = await serve(path, (handle, signal) => {
      if (handle === 'again') arrived.resolve(undefined);
      signal.addEventListener('abort', () => {
        if (handle === 'once') given.resolve(undefined);
      });
      return new Promise(() => undefined);
    });
    using client = connect(path);
    const failed = expect(client.call('once')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const repeated = client.call('again', { timeoutMs: 10_000, waitForReady: true, repeatable: true });
    await arrived.promise;
    await server.close();
    await Promise.all([failed, given.promise]);
    await using _server = await serve(path, (handle) => Promise.resolve([handle]));
    expect(await repeated).toEqual({ released: ['again'] });
  });

  test('replaces what a dead process left, and refuses where a live one serves', async () => {
    const path = join(dir, 's');
    writeFileSync(path, '');
    await using _server = await serve(path, (handle) => Promise.resolve([handle]));
    await expect(serve(path, () => Promise.resolve([]))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
  });
});
