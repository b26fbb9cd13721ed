import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bgpV1, callUnary, connectUnix, ipamV1, RpcError, serveUnix } from '../src/index.ts';

/*
 * Both of our ends beside the gRPC implementation that others have.
 */

let path: string;
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rpc-peer-'));
  path = join(directory, 's');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

function peerMethod<Req, Res>(
  service: string,
  name: string,
  request: Codec<Req>,
  response: Codec<Res>,
  responseStream = false,
) {
  return {
    path: `/${service}/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: (message: Req) => Buffer.from(request.encode(message).finish()),
    requestDeserialize: (bytes: Buffer) => request.decode(bytes),
    responseSerialize: (message: Res) => Buffer.from(response.encode(message).finish()),
    responseDeserialize: (bytes: Buffer) => response.decode(bytes),
  };
}

const release = peerMethod(
  ipamV1.IpamServiceDefinition.fullName,
  'ReleaseByHandle',
  ipamV1.ReleaseByHandleRequest,
  ipamV1.ReleaseByHandleResponse,
);
const dump = peerMethod(
  bgpV1.BgpServiceDefinition.fullName,
  'DumpTable',
  bgpV1.DumpTableRequest,
  bgpV1.DumpTableResponse,
  true,
);

const long = 'ä'.repeat(500_000);
const odd = 'nothing: 100 % of "it" is über the wall\n';

/** What both servers do. */
function releaseFor(handle: string): string[] {
  if (handle === 'odd') throw new RpcError('FAILED_PRECONDITION', odd);
  return [handle, handle];
}

const pieces = Array.from({ length: 40 }, (_, index) => ({ data: Buffer.alloc(300_000, index) }));

const digestOf = ({ data }: bgpV1.DumpTableResponse): string => createHash('sha256').update(data).digest('hex');

describe('our server and a client of grpc-js', () => {
  async function withPeer(use: (client: grpc.Client) => Promise<void>): Promise<void> {
    await using _server = await serveUnix(path, [
      [
        ipamV1.IpamServiceDefinition,
        {
          releaseByHandle: async ({ handleId }, { signal }) => {
            if (handleId === 'never') await once(signal, 'abort');
            return { released: releaseFor(handleId) };
          },
        },
      ],
      [bgpV1.BgpServiceDefinition, { dumpTable: () => pieces }],
    ]);
    const client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure());
    try {
      await use(client);
    } finally {
      client.close();
    }
  }

  function ask(client: grpc.Client, handleId: string, options: grpc.CallOptions = {}, method = release) {
    return new Promise<string[]>((resolve, reject) => {
      const { requestSerialize, responseDeserialize } = method;
      client.makeUnaryRequest(
        method.path,
        requestSerialize,
        responseDeserialize,
        { handleId },
        options,
        (error, response) => {
          if (error === null) resolve(response?.released ?? []);
          else reject(error);
        },
      );
    });
  }

  test('understand each other, whatever the length and in any number', async () => {
    await withPeer(async (client) => {
      expect(await ask(client, long)).toEqual([long, long]);
      const handles = Array.from({ length: 200 }, (_, index) => `h${index}`);
      const answers = await Promise.all(handles.map((handle) => ask(client, handle)));
      expect(answers).toEqual(handles.map((handle) => [handle, handle]));
    });
  });

  test('agree on errors and time limits', async () => {
    await withPeer(async (client) => {
      await expect(ask(client, 'odd')).rejects.toMatchObject({ code: grpc.status.FAILED_PRECONDITION, details: odd });
      const unknown = { ...release, path: '/nobody/Knows' };
      await expect(ask(client, 'x', {}, unknown)).rejects.toMatchObject({ code: grpc.status.UNIMPLEMENTED });
      const limit = { deadline: Date.now() + 200 };
      await expect(ask(client, 'never', limit)).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
      await expect(ask(client, 'x'.repeat(5 << 20))).rejects.toMatchObject({ code: grpc.status.RESOURCE_EXHAUSTED });
      expect(await ask(client, 'after')).toEqual(['after', 'after']);
    });
  });

  test('stream many messages', async () => {
    await withPeer(async (client) => {
      const received: bgpV1.DumpTableResponse[] = [];
      const stream = client.makeServerStreamRequest(dump.path, dump.requestSerialize, dump.responseDeserialize, {});
      for await (const message of stream) received.push(message as bgpV1.DumpTableResponse);
      expect(received.map(digestOf)).toEqual(pieces.map(digestOf));
    });
  });
});

describe('our client and a server of grpc-js', () => {
  async function withPeer(use: () => Promise<void>): Promise<void> {
    const server = new grpc.Server();
    server.addService(
      { release, dump },
      {
        release: (
          call: { request: ipamV1.ReleaseByHandleRequest },
          answer: grpc.sendUnaryData<ipamV1.ReleaseByHandleResponse>,
        ) => {
          try {
            answer(null, { released: releaseFor(call.request.handleId) });
          } catch (error) {
            answer({ code: grpc.status.FAILED_PRECONDITION, details: (error as Error).message });
          }
        },
        dump: (call: grpc.ServerWritableStream<bgpV1.DumpTableRequest, bgpV1.DumpTableResponse>) => {
          for (const piece of pieces) call.write(piece);
          call.end();
        },
      },
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${path}`, grpc.ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    try {
      await use();
    } finally {
      server.forceShutdown();
    }
  }

  test('understand each other, agree on errors, and stream', async () => {
    await withPeer(async () => {
      const client = connectUnix(ipamV1.IpamServiceDefinition, path);
      const ask = (handleId: string) =>
        callUnary(client.releaseByHandle.bind(client), { handleId }, { timeoutMs: 20_000 });
      expect(await ask(long)).toEqual({ released: [long, long] });
      const handles = Array.from({ length: 200 }, (_, index) => `h${index}`);
      expect(await Promise.all(handles.map(ask))).toEqual(handles.map((handle) => ({ released: [handle, handle] })));
      await expect(ask('odd')).rejects.toMatchObject({ code: 'FAILED_PRECONDITION', message: odd });
      await expect(
        callUnary(client.assignIp.bind(client), ipamV1.AssignIpRequest.create(), { timeoutMs: 20_000 }),
      ).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
      client.close();
      const bgp = connectUnix(bgpV1.BgpServiceDefinition, path);
      const received: bgpV1.DumpTableResponse[] = [];
      for await (const message of bgp.dumpTable({})) received.push(message);
      expect(received.map(digestOf)).toEqual(pieces.map(digestOf));
      bgp.close();
    });
  });
});
