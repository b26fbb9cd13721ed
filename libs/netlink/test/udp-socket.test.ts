import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { parseIp } from '@calico-node/net';
import { afterEach, describe, expect, it } from 'vitest';
import { loadNativeFrom } from '../src/native/load.ts';
import { openUdpSocket } from '../src/udp-socket.ts';

const open: Socket[] = [];

afterEach(() => {
  for (const socket of open.splice(0)) socket.close();
});

function adopt(type: 'udp4' | 'udp6', fd: number): Socket {
  const socket = createSocket(type);
  open.push(socket);
  return socket.bind({ fd });
}

async function send(type: 'udp4' | 'udp6', ttl: number, text: string, port: number, address: string): Promise<void> {
  const socket = createSocket(type);
  open.push(socket);
  socket.bind(0, address);
  await once(socket, 'listening');
  socket.setTTL(ttl);
  await new Promise((resolve) => {
    socket.send(text, port, address, resolve);
  });
}

describe.each(['addon', 'koffi'])('a UDP socket by %s', (backend) => {
  it.each([
    { type: 'udp4', family: 4, address: '127.0.0.1' },
    { type: 'udp6', family: 6, address: '::1' },
  ] as const)('takes only what has not come from far ($type)', async ({ type, family, address }) => {
    const native = loadNativeFrom({ CALICO_NATIVE: backend });
    const bind = { ip: parseIp(address), port: 0 };
    const socket = adopt(type, openUdpSocket({ family, bind, minTtl: 255, ttl: 255, native }));
    const first = once(socket, 'message');
    const { port } = socket.address();
    await send(type, 254, 'far', port, address);
    await send(type, 255, 'near', port, address);
    const [message] = (await first) as [Buffer];
    expect(message.toString()).toBe('near');
  });
});
