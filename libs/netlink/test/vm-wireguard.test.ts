import { randomBytes } from 'node:crypto';
import { cidrOf, ipFromBigInt, parseCidr, parseIp, wireguardKeyFromBytes } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { createWireguard, NetlinkError, RouteSocket } from '../src/index.ts';
import { WireguardSocket } from '../src/wireguard/index.ts';
import { scratchNetns } from './scratch.ts';

const isPossible = (() => {
  try {
    WireguardSocket.open()[Symbol.dispose]();
    return true;
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.code !== 'ENOENT') throw error;
    console.warn('skipped: WireGuard devices: this kernel has none; `make test-vm` has');
    return false;
  }
})();

describe.skipIf(!isPossible)('a WireGuard device', () => {
  test('has what it is set to, and forgets what it is told to', () => {
    using netns = scratchNetns();
    using routes = RouteSocket.open({ netns: netns.name });
    using socket = WireguardSocket.open({ netns: netns.name });
    routes.apply([createWireguard({ name: 'wg0' })]);
    const { index, kind } = routes.getLink('wg0')!;
    expect(kind).toBe('wireguard');
    expect(socket.getDevice(index)).toMatchObject({ name: 'wg0', publicKey: undefined, peers: [] });
    expect(socket.getDevice(index + 100)).toBeUndefined();

    const [first, second] = [randomBytes(32), randomBytes(32)].map((bytes) => wireguardKeyFromBytes(bytes));
    const endpoint = { ip: parseIp('172.16.0.2'), port: 51820 };
    const allowedIps = Array.from({ length: 3000 }, (_, at) =>
      cidrOf(ipFromBigInt(BigInt(0x0a000000 + at * 64), 4), 26),
    );
    socket.setDevice(index, {
      privateKey: randomBytes(32),
      listenPort: 51820,
      mark: 0x200000,
      peers: [
        { publicKey: first!, endpoint, keepaliveSeconds: 25, allowedIps },
        { publicKey: second!, endpoint: { ip: parseIp('fd00::3'), port: 51821 }, allowedIps: [parseCidr('fd65::/64')] },
      ],
    });
    const device = socket.getDevice(index)!;
    expect(device).toMatchObject({ listenPort: 51820, mark: 0x200000 });
    expect(device.publicKey).toMatch(/=$/);
    const peer = device.peers.find(({ publicKey }) => publicKey === first)!;
    expect(peer).toMatchObject({ endpoint, keepaliveSeconds: 25, lastHandshakeSeconds: 0, receivedBytes: 0n });
    expect(new Set(peer.allowedIps)).toEqual(new Set(allowedIps));

    socket.setDevice(index, {
      peers: [
        { publicKey: first!, allowedIps: [parseCidr('10.9.0.0/16')] },
        { publicKey: second!, remove: true },
      ],
    });
    expect(socket.getDevice(index)).toMatchObject({
      publicKey: device.publicKey,
      listenPort: 51820,
      peers: [{ publicKey: first, endpoint, keepaliveSeconds: 25, allowedIps: ['10.9.0.0/16'] }],
    });
  });
});

test.skipIf(isPossible)('where the kernel has no WireGuard, opening says so', () => {
  expect(() => WireguardSocket.open()).toThrow(expect.objectContaining({ code: 'ENOENT' }) as Error);
});
