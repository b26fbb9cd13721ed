import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CallStream } from './call-stream.ts';
import { RpcError } from './errors.ts';
import { bgpV1, ipamV1 } from './index.ts';
import { serveUnix, unary } from './server.ts';

let path: string;
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rpc-'));
  path = join(dir, 's');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

type Release = (handle: string, signal: AbortSignal) => Promise<string[]>;

function serve(release: Release): ReturnType<typeof serveUnix> {
  const unused = unary(() => {
    throw new RpcError('FAILED_PRECONDITION', 'not in this test');
  });
  const releaseByHandle = unary(async ({ handleId }: ipamV1.ReleaseByHandleRequest, { signal }) => ({
    released: await release(handleId, signal),
  }));
  const implementation = { autoAssign: unused, assignIp: unused, releaseIps: unused, releaseByHandle };
  return serveUnix(path, [[ipamV1.IpamServiceService, implementation]]);
}

const echo: Release = (handle) => Promise.resolve([handle]);
const { releaseByHandle } = ipamV1.IpamServiceService;

describe('calls over one stream', () => {
  test('are answered as they are done, not as they were made', async () => {
    const first = Promise.withResolvers<string[]>();
    await using _server = await serve((handle) => (handle === 'first' ? first.promise : Promise.resolve([handle])));
    using calls = new CallStream(path);
    const slow = calls.call(releaseByHandle, { handleId: 'first' });
    const handles = Array.from({ length: 100 }, (_, index) => `h${index}`);
    const quick = await Promise.all(handles.map((handleId) => calls.call(releaseByHandle, { handleId })));
    expect(quick.flatMap(({ released }) => released)).toEqual(handles);
    first.resolve(['at last']);
    expect(await slow).toEqual({ released: ['at last'] });
  });

  test('keep the code of an RpcError, name anything else INTERNAL, and say which method is not served', async () => {
    await using _server = await serve((handle) =>
      Promise.reject(handle === 'full' ? new RpcError('RESOURCE_EXHAUSTED', 'try again') : new Error('broken')),
    );
    using calls = new CallStream(path);
    const refused = { code: 'RESOURCE_EXHAUSTED', message: 'try again' };
    await expect(calls.call(releaseByHandle, { handleId: 'full' })).rejects.toMatchObject(refused);
    const broken = { code: 'INTERNAL', message: 'broken' };
    await expect(calls.call(releaseByHandle, { handleId: 'x' })).rejects.toMatchObject(broken);
    const thrown = calls.call(ipamV1.IpamServiceService.releaseIps, ipamV1.ReleaseIpsRequest.fromPartial({}));
    await expect(thrown).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    const elsewhere = calls.call(bgpV1.BgpServiceService.getStatus, {});
    await expect(elsewhere).rejects.toMatchObject({
      code: 'UNIMPLEMENTED',
      message: 'no method /calico.bgp.v1.BgpService/GetStatus is served here',
    });
  });

  test('fail at once while nobody serves, and go on when somebody does', async () => {
    using calls = new CallStream(path);
    await expect(calls.call(releaseByHandle, { handleId: 'h' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await using _server = await serve(echo);
    await expect.poll(() => calls.call(releaseByHandle, { handleId: 'h' }).catch(() => undefined)).toBeDefined();
  });

  test.each([
    ['the signal fires', (abort: AbortController) => ({ signal: abort.signal }), 'CANCELLED'],
    ['the time is over', () => ({ timeoutMs: 50 }), 'DEADLINE_EXCEEDED'],
  ])('tell the handler when %s, and disturb no other call', async (_, optionsOf, code) => {
    const arrived = Promise.withResolvers<undefined>();
    const given = Promise.withResolvers<undefined>();
    const other = Promise.withResolvers<string[]>();
    await using _server = await serve((handle, signal) => {
      if (handle === 'other') return other.promise;
      arrived.resolve(undefined);
      signal.addEventListener('abort', () => {
        given.resolve(undefined);
      });
      return new Promise(() => undefined);
    });
    using calls = new CallStream(path);
    const abort = new AbortController();
    const kept = calls.call(releaseByHandle, { handleId: 'other' });
    const call = calls.call(releaseByHandle, { handleId: 'h' }, optionsOf(abort));
    const refused = expect(call).rejects.toMatchObject({ code });
    await arrived.promise;
    abort.abort();
    await refused;
    await given.promise;
    other.resolve(['kept']);
    expect(await kept).toEqual({ released: ['kept'] });
  });

  test('that are under way when the server ends are answered, later ones refused until it is back', async () => {
    const arrived = Promise.withResolvers<undefined>();
    const answer = Promise.withResolvers<string[]>();
    const server = await serve(() => {
      arrived.resolve(undefined);
      return answer.promise;
    });
    using calls = new CallStream(path);
    const call = calls.call(releaseByHandle, { handleId: 'h' });
    await arrived.promise;
    const closed = server.close();
    const late = calls.call(releaseByHandle, { handleId: 'late' });
    await expect(late).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    answer.resolve(['in time']);
    expect(await call).toEqual({ released: ['in time'] });
    await closed;
    await using _server = await serve(echo);
    await expect.poll(() => calls.call(releaseByHandle, { handleId: 'h' }).catch(() => undefined)).toBeDefined();
  });

  test('that have no answer do not keep the server from ending', async () => {
    const arrived = Promise.withResolvers<undefined>();
    const server = await serve(() => {
      arrived.resolve(undefined);
      return new Promise(() => undefined);
    });
    using calls = new CallStream(path);
    const refused = expect(calls.call(releaseByHandle, { handleId: 'h' })).rejects.toBeInstanceOf(RpcError);
    await arrived.promise;
    await server.close();
    await refused;
  });

  test('end for the handlers when the caller goes', async () => {
    const arrived = Promise.withResolvers<undefined>();
    const given = Promise.withResolvers<undefined>();
    await using _server = await serve((_, signal) => {
      arrived.resolve(undefined);
      signal.addEventListener('abort', () => {
        given.resolve(undefined);
      });
      return new Promise(() => undefined);
    });
    const calls = new CallStream(path);
    const call = calls.call(releaseByHandle, { handleId: 'h' });
    const refused = expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
    await arrived.promise;
    calls.close();
    await refused;
    await given.promise;
  });
});
