import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { parseIp } from '@calico-node/net';
import { createLogger } from '@calico-node/service';
import { afterEach, expect, it } from 'vitest';
import { Station } from './station.ts';

let server: Server;
let station: Station;
const sockets: Socket[] = [];

afterEach(() => {
  station.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
});

async function open(initial: () => Iterator<Uint8Array>, maxBufferBytes: number): Promise<Socket> {
  server = createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket.on('error', () => undefined)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const views = { prePolicy: true, postPolicy: false, adjRibOut: false, locRib: false };
  const nothing = (): void => undefined;
  const farewell = (): Uint8Array => Buffer.from('bye');
  station = new Station(
    { address: parseIp('127.0.0.1'), port, maxBufferBytes, statisticsSeconds: 60, views },
    { initial, farewell, connected: nothing, drained: nothing, lost: nothing },
    createLogger('test', 'fatal'),
  );
  const [socket] = (await once(server, 'connection')) as [Socket];
  while (!station.isConnected) await new Promise(setImmediate);
  return socket;
}

it('drops a station that reads too slowly, and connects to it anew', async () => {
  await open(() => [][Symbol.iterator](), 1 << 20);
  const message = new Uint8Array(1 << 16);
  while (station.dropped === 0) {
    station.send(message);
    await new Promise(setImmediate);
  }
  await once(server, 'connection');
  expect(station.dropped).toBe(1);
});

it('tells the table first, as fast as the station takes it, and says good-bye', async () => {
  const count = 1000;
  const table = function* (): Generator<Uint8Array> {
    for (let index = 0; index < count; index++) yield new Uint8Array(10_000);
  };
  const socket = await open(table, 1 << 20);
  let size = 0;
  let last = '';
  socket.on('data', (chunk: Buffer) => {
    size += chunk.length;
    last = chunk.subarray(-3).toString();
  });
  socket.resume();
  while (size < count * 10_000) await new Promise(setImmediate);
  station.close();
  await once(socket, 'end');
  expect([size, last, station.dropped]).toEqual([count * 10_000 + 3, 'bye', 0]);
});
