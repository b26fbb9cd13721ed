import { once } from 'node:events';
import * as http2 from 'node:http2';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { Http2Connection } from './connection.ts';
import { errorCodes, frame, frameTypes, numberFrame, clientPreface, settingsFrame } from './frame.ts';
import { encodeHeaders, type Headers } from './hpack.ts';
import type { StreamHandler, StreamLoss } from './stream.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const server: Server = createServer(onSocket);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Answers with what it was sent, doubled. */
function echo(
  stream: Parameters<NonNullable<ConstructorParameters<typeof Http2Connection>[2]['onStream']>>[0],
): StreamHandler {
  return {
    onHeaders: () => {
      stream.send({ headers: encodeHeaders([[':status', '200']]) });
    },
    onData: (bytes, isLast) => {
      stream.taken(bytes.length);
      stream.send({ data: Buffer.concat([bytes, bytes]) });
      if (isLast) stream.send({ trailers: encodeHeaders([['x-end', 'yes']]) });
    },
    onClose: () => undefined,
  };
}

function serveEcho(): Promise<number> {
  return listen((socket) => {
    const connection = new Http2Connection(socket, 'server', { onStream: echo, onClose: () => undefined });
    closers.push(() => {
      connection.destroy();
    });
  });
}

interface Exchange {
  readonly body: Buffer;
  readonly trailers: Headers;
}

/** One request by our own client. */
async function post(port: number, body: Buffer): Promise<Exchange> {
  const socket = connect(port, '127.0.0.1');
  const ready = Promise.withResolvers<undefined>();
  const connection = new Http2Connection(socket, 'client', {
    onReady: () => {
      ready.resolve(undefined);
    },
    onClose: (error) => {
      ready.reject(error ?? new Error('closed'));
    },
  });
  closers.push(() => {
    connection.destroy();
  });
  await ready.promise;
  const parts: Buffer[] = [];
  const done = Promise.withResolvers<Exchange>();
  const stream = connection.open({
    onHeaders: (headers, isLast) => {
      if (isLast) done.resolve({ body: Buffer.concat(parts), trailers: headers });
    },
    onData: (bytes) => {
      parts.push(bytes);
      stream.taken(bytes.length);
    },
    onClose: (loss: StreamLoss) => {
      done.reject(new Error(loss.message));
    },
  });
  const headers = encodeHeaders([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/echo'],
    [':authority', 'localhost'],
  ]);
  stream.send({ headers, data: body, isLast: true });
  return done.promise;
}

/** More than every window there is by default. */
const large = Buffer.alloc(9 << 20, 'calico');

describe('HTTP/2 connections', () => {
  test('carry more than any window, in both directions', async () => {
    const { body, trailers } = await post(await serveEcho(), large);
    expect(body.length).toBe(2 * large.length);
    expect(trailers.get('x-end')).toBe('yes');
  });

  test("serve Node.js's client", async () => {
    const session = http2.connect(`http://127.0.0.1:${await serveEcho()}`);
    closers.push(() => {
      session.destroy();
    });
    for (const body of [Buffer.from('x'), large]) {
      const request = session.request({ ':method': 'POST', ':path': '/echo', 'x-long': 'ä~'.repeat(9000) });
      request.end(body);
      const parts: Buffer[] = [];
      let trailers: http2.IncomingHttpHeaders = {};
      request.on('trailers', (fields: http2.IncomingHttpHeaders) => {
        trailers = fields;
      });
      request.on('data', (part: Buffer) => {
        parts.push(part);
      });
      await once(request, 'end');
      expect(Buffer.concat(parts).length).toBe(2 * body.length);
      expect(trailers['x-end']).toBe('yes');
    }
  });

  test("call Node.js's server", async () => {
    const server = http2.createServer();
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'x-end': 'yes, "quoted" {~}', 'x-more': 'a'.repeat(20_000) });
      });
      stream.pipe(stream);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const { body, trailers } = await post(port, large);
    expect(body.equals(large)).toBe(true);
    expect(trailers.get('x-end')).toBe('yes, "quoted" {~}');
    expect(trailers.get('x-more')).toHaveLength(20_000);
  });

  test('end with a GOAWAY for what is not HTTP/2', async () => {
    const port = await serveEcho();
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.concat([clientPreface, settingsFrame([]), frame(frameTypes.continuation, 0, 1, Buffer.alloc(3))]),
      Buffer.concat([clientPreface, frame(frameTypes.data, 0, 0, Buffer.alloc(16_384)), Buffer.alloc(30_000, 0xff)]),
      Buffer.concat([clientPreface, frame(frameTypes.headers, 4, 1, Buffer.from('ffffffff', 'hex'))]),
      Buffer.concat([clientPreface, numberFrame(frameTypes.windowUpdate, 0, 0x7fff_ffff)]),
    ]) {
      const socket = connect(port, '127.0.0.1');
      const received: Buffer[] = [];
      socket.on('data', (part: Buffer) => received.push(part));
      socket.write(bytes);
      await once(socket, 'close');
      const all = Buffer.concat(received);
      const goAway = all.subarray(all.length - 17);
      expect(goAway[3]).toBe(frameTypes.goAway);
      expect(goAway.readUInt32BE(13)).not.toBe(errorCodes.none);
    }
  });
});
