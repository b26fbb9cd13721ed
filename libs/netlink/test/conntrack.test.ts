import { execFileSync } from 'node:child_process';
import { parseIp } from '@calico-node/net';
import { expect, test } from 'vitest';
import { ConntrackSocket } from '../src/conntrack/index.ts';
import { scratchNetns } from './scratch.ts';

test.each([
  ['which the kernel looks for', {}],
  ['which are many', { manyAddresses: 1 }],
])('forgets the connections of the addresses, %s, at whichever end, and no others', async (_, options) => {
  using netns = scratchNetns();
  using socket = ConntrackSocket.open({ netns: netns.name, ...options });
  const conntrack = (...args: string[]): string =>
    execFileSync('nsenter', [`--net=/run/netns/${netns.name}`, 'conntrack', ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const add = (source: string, destination: string, ...more: string[]): string =>
    conntrack('-I', '-p', 'udp', '-s', source, '-d', destination, '--sport', '1', '--dport', '2', '-t', '60', ...more);
  const left = (family: string): string[] =>
    conntrack('-L', '-f', family)
      .split('\n')
      .flatMap((line) => /src=(\S+) dst=(\S+)/.exec(line)?.slice(1, 3).join(' > ') ?? []);
  add('10.0.0.1', '10.0.0.9');
  add('10.0.0.9', '10.0.0.1');
  add('10.0.0.8', '10.0.0.9');
  // What came for 10.0.0.7 was sent on to 10.0.0.1.
  add('10.0.0.8', '10.0.0.7', '-g', '10.0.0.1');
  add('10.0.0.5', '10.0.0.9', '-w', '7');
  add('fd00::1', 'fd00::9');
  add('fd00::8', 'fd00::9');
  await socket.forget(new Set(['10.0.0.1', '10.0.0.5', 'fd00::1'].map((text) => parseIp(text))));
  expect(left('ipv4')).toEqual(['10.0.0.8 > 10.0.0.9']);
  expect(left('ipv6')).toEqual(['fd00::8 > fd00::9']);
  await socket.forget(new Set([parseIp('10.0.0.1'), parseIp('fd00::1')]));
  await socket.forget(new Set());
  expect(left('ipv4')).toHaveLength(1);
});

test('lists connections from where they came to where they went', () => {
  using netns = scratchNetns();
  using socket = ConntrackSocket.open({ netns: netns.name });
  const add = (...args: string[]): void => {
    const command = [`--net=/run/netns/${netns.name}`, 'conntrack', '-I', '-t', '60', ...args];
    execFileSync('nsenter', command, { stdio: 'ignore' });
  };
  add('-p', 'udp', '-s', '10.0.0.8', '-d', '10.0.0.7', '--sport', '5000', '--dport', '53', '-g', '10.0.0.1:5353');
  add('-p', 'icmp', '-s', '10.0.0.8', '-d', '10.0.0.9', '--icmp-type', '8', '--icmp-code', '0', '--icmp-id', '7');
  add('-p', 'tcp', '-s', 'fd00::1', '-d', 'fd00::9', '--sport', '1', '--dport', '2', '--state', 'ESTABLISHED');
  const flows = [...socket.list(4), ...socket.list(6)].sort((a, b) => a.protocol - b.protocol);
  expect(flows).toEqual([
    { family: 4, protocol: 1, source: '10.0.0.8', destination: '10.0.0.9', icmpType: 8, icmpCode: 0 },
    { family: 6, protocol: 6, source: 'fd00::1', destination: 'fd00::9', sourcePort: 1, destinationPort: 2 },
    { family: 4, protocol: 17, source: '10.0.0.8', destination: '10.0.0.1', sourcePort: 5000, destinationPort: 5353 },
  ]);
  const counted = [...socket.listCounted(4), ...socket.listCounted(6)].sort((a, b) => a.protocol - b.protocol);
  const nothing = { packets: 0, bytes: 0 };
  const rest = { forth: nothing, back: nothing, isEnding: false };
  expect(counted).toEqual([
    { ...flows[0], ...rest, sentTo: { destination: '10.0.0.9' } },
    { ...flows[1], ...rest, sentTo: { destination: 'fd00::9', destinationPort: 2 } },
    { ...flows[2], ...rest, sentTo: { destination: '10.0.0.7', destinationPort: 53 } },
  ]);
});
