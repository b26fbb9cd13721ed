import { once } from 'node:events';
import { closeSync } from 'node:fs';
import net from 'node:net';
import { describe, expect, test } from 'vitest';
import { parseCidr, parseIp, type IpAddress } from '@calico-node/net';
import {
  addAddress,
  createVeth,
  openNetns,
  openTcpSocket,
  RouteSocket,
  setLink,
  setTcpMd5Key,
  socketAddressOf,
  type NativeTable,
  type TcpSocketOptions,
} from '../src/index.ts';
import { backends, scratchNetns } from './scratch.ts';

const addresses = {
  4: [parseIp('10.0.0.1'), parseIp('10.0.0.2')],
  6: [parseIp('fd00::1'), parseIp('fd00::2')],
} as const;

/** Two namespaces with a wire between them, and addresses of both families. */
function wire(native: NativeTable): Disposable & { readonly left: string; readonly right: string } {
  const left = scratchNetns();
  const right = scratchNetns();
  using there = openNetns(right.name);
  using leftSocket = RouteSocket.open({ netns: left.name, native });
  using rightSocket = RouteSocket.open({ netns: there, native });
  leftSocket.apply([createVeth({ name: 'eth0', peer: { name: 'eth0', netns: there } })]);
  for (const [side, socket] of [leftSocket, rightSocket].entries()) {
    const interfaceIndex = socket.getLink('eth0')!.index;
    const addressesOf = (family: 4 | 6): IpAddress => addresses[family][side]!;
    socket.apply([
      setLink({ name: 'eth0', up: true }),
      addAddress({ interfaceIndex, ip: addressesOf(4), prefixLength: 24 }),
      addAddress({ interfaceIndex, ip: addressesOf(6), prefixLength: 64, skipsDad: true }),
    ]);
  }
  return {
    left: left.name,
    right: right.name,
    [Symbol.dispose]: () => {
      left[Symbol.dispose]();
      right[Symbol.dispose]();
    },
  };
}

async function listen(options: TcpSocketOptions): Promise<{ server: net.Server; fd: number; port: number }> {
  const fd = openTcpSocket({ ...options, listenBacklog: 8 });
  const { port } = socketAddressOf(fd);
  const server = net.createServer((connection) => connection.end('hello'));
  server.listen({ fd });
  await once(server, 'listening');
  return { server, fd, port };
}

/** What the server says; `undefined` when it does not answer within two SYNs. */
async function greeting(options: TcpSocketOptions, host: IpAddress, port: number): Promise<string | undefined> {
  const fd = openTcpSocket(options);
  const socket = new net.Socket({ fd, readable: true, writable: true, manualStart: true } as net.SocketConstructorOpts);
  try {
    socket.connect({ host, port });
    await once(socket, 'connect', { signal: AbortSignal.timeout(1500) });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.resume();
    await once(socket, 'end');
    return text;
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return undefined;
    throw error;
  } finally {
    socket.destroy();
  }
}

describe.each(backends)('openTcpSocket on %s', (_, native) => {
  test.each([4, 6] as const)('connects two namespaces over IPv%s with MD5 signatures and GTSM', async (family) => {
    using netns = wire(native);
    const [leftIp, rightIp] = addresses[family];
    const gtsm = { ttl: 255, minTtl: 255, trafficClass: 0xc0 };
    const key = 'correct horse battery staple';
    const { server, port } = await listen({
      family,
      native,
      netns: netns.right,
      bind: { ip: rightIp, port: 0 },
      device: 'eth0',
      md5: [{ peer: leftIp, key }],
      ...gtsm,
    });
    try {
      const client = { family, native, netns: netns.left, bind: { ip: leftIp, port: 0 }, ...gtsm };
      const [good, wrong, without, far] = await Promise.all([
        greeting({ ...client, md5: [{ peer: rightIp, key }] }, rightIp, port),
        greeting({ ...client, md5: [{ peer: rightIp, key: 'Tr0ub4dor&3' }] }, rightIp, port),
        greeting(client, rightIp, port),
        greeting({ ...client, md5: [{ peer: rightIp, key }], ttl: 64 }, rightIp, port),
      ]);
      expect({ good, wrong, without, far }).toEqual({
        good: 'hello',
        wrong: undefined,
        without: undefined,
        far: undefined,
      });
    } finally {
      server.close();
    }
  });

  test('takes and drops MD5 keys on a listening socket, for a network too', async () => {
    using netns = wire(native);
    const [leftIp, rightIp] = addresses[4];
    const { server, fd, port } = await listen({
      family: 4,
      native,
      netns: netns.right,
      bind: { ip: rightIp, port: 0 },
    });
    try {
      const client = { family: 4, native, netns: netns.left } as const;
      const signed = { ...client, md5: [{ peer: rightIp, key: 'k' }] };
      expect(await greeting(client, rightIp, port)).toBe('hello');
      setTcpMd5Key(fd, parseCidr('10.0.0.0/24'), 'k', native);
      expect(await greeting(signed, rightIp, port)).toBe('hello');
      setTcpMd5Key(fd, parseCidr('10.0.0.0/24'), undefined, native);
      expect(await greeting(client, rightIp, port)).toBe('hello');
      expect(() => {
        setTcpMd5Key(fd, leftIp, undefined, native);
      }).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    } finally {
      server.close();
    }
  });

  test('says what the kernel refused, and to whom', () => {
    using netns = scratchNetns();
    using links = RouteSocket.open({ netns: netns.name, native });
    links.apply([setLink({ name: 'lo', up: true })]);
    const options = { family: 4, native, netns: netns.name } as const;
    expect(() => openTcpSocket({ ...options, bind: { ip: parseIp('192.0.2.1'), port: 179 } })).toThrow(
      'bind 192.0.2.1 port 179: EADDRNOTAVAIL',
    );
    expect(() => openTcpSocket({ ...options, device: 'none' })).toThrow('setsockopt none: ENODEV');
    expect(() => openTcpSocket({ ...options, md5: [{ peer: parseIp('192.0.2.1'), key: 'x'.repeat(81) }] })).toThrow(
      RangeError,
    );
    const fd = openTcpSocket(options);
    expect(socketAddressOf(fd, native)).toEqual({ ip: '0.0.0.0', port: 0 });
    closeSync(fd);
  });
});
