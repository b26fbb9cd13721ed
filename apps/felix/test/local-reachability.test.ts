import { parseCidr } from '@calico-node/net';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalReachability } from '../src/dataplane/interfaces/local-reachability.ts';
import { endpoint, removeEndpoint } from './support/intents.ts';
import { NodeLab, runIn, type Workload } from './support/node-lab.ts';

const peer4 = '172.16.0.254';
const peer6 = 'fd16::254';

describe('what is on the link of a host', () => {
  let lab: NodeLab;
  let peer: string;
  let workload: Workload;
  let reachability: LocalReachability;
  let dirty = 0;

  const open = () =>
    new LocalReachability({
      netns: lab.netns,
      prefixes: ['cali'],
      onDirty: () => {
        dirty += 1;
      },
    });
  /** Which addresses the peer reaches, with one attempt each. */
  const reached = (...addresses: readonly string[]) =>
    addresses.filter((address) => {
      try {
        runIn(peer, 'ping', '-c1', '-W1', address);
        return true;
      } catch {
        return false;
      }
    });
  const proxies = () =>
    ['-4', '-6']
      .flatMap((family) => runIn(lab.netns, 'ip', family, 'neigh', 'show', 'proxy').trim().split('\n'))
      .filter(Boolean);
  const both = endpoint('a', '172.16.0.50', [], {
    addresses: ['172.16.0.50/32', 'fd16::50/128', '10.65.0.1/32'].map((text) => parseCidr(text)),
  });

  beforeEach(() => {
    lab = new NodeLab();
    peer = `${lab.netns}-peer`;
    createNetns(peer);
    workload = lab.addWorkload('a', '172.16.0.50');
    lab.addIpv6(workload, 'fd16::50');
    runIn(lab.netns, 'ip', 'address', 'add', 'fd16::1/64', 'dev', 'eth0', 'nodad');
    runIn(lab.netns, 'ip', 'link', 'set', 'fabric', 'netns', peer);
    runIn(peer, 'ip', 'link', 'set', 'fabric', 'up');
    runIn(peer, 'ip', 'address', 'add', `${peer4}/24`, 'dev', 'fabric');
    runIn(peer, 'ip', 'address', 'add', `${peer6}/64`, 'dev', 'fabric', 'nodad');
    reachability = open();
  });

  afterEach(() => {
    reachability[Symbol.dispose]();
    deleteNetns(peer);
    lab[Symbol.dispose]();
  });

  it('reaches the workloads in its subnet, and no more once they are gone', () => {
    expect(reachability.apply()).toEqual([]);
    expect(reached('172.16.0.50')).toEqual([]);
    reachability.update([both]);
    expect(reachability.apply()).toEqual([]);
    expect(reached('172.16.0.50', 'fd16::50')).toEqual(['172.16.0.50', 'fd16::50']);
    expect(proxies()).toHaveLength(2);
    const { writes } = reachability;
    expect([reachability.apply(), reachability.writes]).toEqual([[], writes]);
    reachability.update([removeEndpoint('a')]);
    expect(reachability.apply()).toEqual([]);
    expect(proxies()).toEqual([]);
  });

  it('is told where they are now, when they come and on request', () => {
    const remembered = () =>
      runIn(peer, 'ip', 'neigh', 'show', 'to', '172.16.0.50') + runIn(peer, 'ip', 'neigh', 'show', 'to', 'fd16::50');
    const remember = (): void => {
      for (const ip of ['172.16.0.50', 'fd16::50']) {
        runIn(peer, 'ip', 'neigh', 'replace', ip, 'lladdr', '02:00:00:00:00:99', 'dev', 'fabric', 'nud', 'stale');
      }
      expect(remembered().match(/02:00:00:00:00:99/g)).toHaveLength(2);
    };
    remember();
    reachability.update([both]);
    reachability.apply();
    expect(remembered()).not.toContain('02:00:00:00:00:99');
    remember();
    reachability.announce();
    expect(remembered()).not.toContain('02:00:00:00:00:99');
  });

  it('is answered by a Felix that was started again, which lets go of what is gone, and of nobody else’s', () => {
    reachability.update([both]);
    reachability.apply();
    runIn(lab.netns, 'ip', 'neigh', 'add', 'proxy', '172.16.0.77', 'dev', 'eth0');
    reachability[Symbol.dispose]();
    reachability = open();
    reachability.update([endpoint('a', '172.16.0.50')]);
    reachability.apply();
    expect(proxies()).toEqual([expect.stringContaining('172.16.0.50'), expect.stringContaining('172.16.0.77')]);
    expect(reachability.writes).toBe(1);
  });

  it('is answered for when the host gets its address later', async () => {
    runIn(lab.netns, 'ip', 'address', 'del', '172.16.0.1/24', 'dev', 'eth0');
    reachability.update([endpoint('a', '172.16.0.50')]);
    reachability.apply();
    expect(proxies()).toEqual([]);
    dirty = 0;
    runIn(lab.netns, 'ip', 'address', 'add', '172.16.0.2/24', 'dev', 'eth0');
    await expect.poll(() => dirty).toBeGreaterThan(0);
    reachability.apply();
    expect(proxies()).toHaveLength(1);
  });
});
