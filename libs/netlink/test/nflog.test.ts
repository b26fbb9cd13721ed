import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { RouteSocket, setLink } from '../src/index.ts';
import { NflogSocket, type LoggedPacket } from '../src/nflog/index.ts';
import { scratchNetns } from './scratch.ts';

const ruleset = `
table ip test {
  chain translate { type nat hook output priority -100; udp dport 53 dnat to 127.0.0.1:5353; }
  chain tell { type filter hook output priority 0; meta l4proto udp log prefix "seen" group 7; }
}`;

test('tells of logged packets, and where the kernel can, of where they were sent to', async () => {
  using netns = scratchNetns();
  using route = RouteSocket.open({ netns: netns.name });
  route.apply([setLink({ name: 'lo', up: true })]);
  const run = (program: string, ...args: string[]): void => {
    execFileSync('nsenter', [`--net=/run/netns/${netns.name}`, program, ...args], { stdio: 'ignore' });
  };
  run('nft', ruleset);
  const packets: (LoggedPacket & { readonly port: number })[] = [];
  using _socket = NflogSocket.open({
    netns: netns.name,
    group: 7,
    bytes: 64,
    withConnection: true,
    onPacket: (packet) => {
      const { buffer, byteOffset } = packet.headers;
      packets.push({ ...packet, port: new DataView(buffer, byteOffset).getUint16(22) });
    },
    onOverrun: () => undefined,
  });
  run('bash', '-c', 'echo > /dev/udp/127.0.0.2/53');
  await expect.poll(() => packets.length).toBe(1);
  expect(packets[0]).toMatchObject({ prefix: 'seen', port: 5353 });
  // A kernel that cannot tell says nothing of it.
  expect([undefined, { destination: '127.0.0.2', destinationPort: 53 }]).toContainEqual(packets[0]?.sentTo);
});
