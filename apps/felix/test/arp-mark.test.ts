/** Answers to ARP where the way back is another interface, as it is with WireGuard between hosts. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import { ensureArpMark, removeArpMark } from '../src/dataplane/wireguard/arp-mark.ts';
import { runIn } from './support/node-lab.ts';

const name = `cnt-${randomBytes(4).toString('hex')}`;
const [asker, asked] = [`${name}-a`, `${name}-b`];
const mark = 0x200000;

/** Asks for the other's address as long as the kernel does; gives whether there was an answer. */
async function isAnswered(): Promise<boolean> {
  runIn(asker, 'ip', 'neigh', 'flush', 'all');
  execFileSync('ip', ['netns', 'exec', asker, 'sh', '-c', 'ping -c 1 -W 1 172.16.0.2 >/dev/null || true']);
  const state = (): string => runIn(asker, 'ip', 'neigh', 'show', '172.16.0.2');
  await expect.poll(state, { timeout: 10_000 }).toMatch(/FAILED|lladdr/);
  return state().includes('lladdr');
}

beforeAll(() => {
  createNetns(asker);
  createNetns(asked);
  const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
  ip('-n', asker, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', asked);
  // Stands for the WireGuard device.
  ip('-n', asked, 'link', 'add', 'device', 'type', 'veth', 'peer', 'name', 'nowhere');
  ip('-n', asker, 'address', 'add', '172.16.0.1/24', 'dev', 'eth0');
  ip('-n', asked, 'address', 'add', '172.16.0.2/24', 'dev', 'eth0');
  for (const [netns, device] of [
    [asker, 'eth0'],
    [asked, 'eth0'],
    [asked, 'device'],
    [asked, 'nowhere'],
  ] as const)
    ip('-n', netns, 'link', 'set', device, 'up');
  ip('-n', asked, 'rule', 'add', 'priority', '99', 'not', 'fwmark', `${mark}/${mark}`, 'lookup', '1');
  ip('-n', asked, 'route', 'add', '172.16.0.1', 'dev', 'device', 'table', '1');
  const strict = ['all.src_valid_mark=1', 'all.rp_filter=1', 'eth0.rp_filter=1'];
  runIn(asked, 'sysctl', '-qw', ...strict.map((setting) => `net.ipv4.conf.${setting}`));
});

afterAll(() => {
  deleteNetns(asker);
  deleteNetns(asked);
});

describe('the mark on ARP', () => {
  it('has the kernel answer under a strict check of source addresses, and only then', async () => {
    expect(await isAnswered()).toBe(false);
    expect(ensureArpMark({ netns: asked, mark })).toBe(1);
    expect(await isAnswered()).toBe(true);
    expect(removeArpMark(asked)).toBe(1);
    expect(await isAnswered()).toBe(false);
  });

  it('is put right when another hand changed it, changes nothing when it is right, and leaves nothing', () => {
    ensureArpMark({ netns: asked, mark: 0x100000 });
    expect(ensureArpMark({ netns: asked, mark })).toBe(1);
    expect(ensureArpMark({ netns: asked, mark })).toBe(0);
    expect(runIn(asked, 'nft', 'list', 'ruleset')).toContain('meta mark set meta mark | 0x00200000');
    runIn(asked, 'nft', 'flush', 'chain', 'arp', 'calico', 'wireguard-mark');
    expect(ensureArpMark({ netns: asked, mark })).toBe(1);
    expect(removeArpMark(asked)).toBe(1);
    expect(removeArpMark(asked)).toBe(0);
    expect(runIn(asked, 'nft', 'list', 'ruleset')).toBe('');
  });
});
