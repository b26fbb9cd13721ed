import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { liveMigrationPrefix } from '@calico-node/model';
import { parseCidr, parseIp, parseNodeName } from '@calico-node/net';
import { createNetns, deleteNetns } from '@calico-node/netlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostUpdate, PoolUpdate } from '../src/calc/intents.ts';
import { LiveMigrations } from '../src/calc/live-migrations.ts';
import { LocalReachability } from '../src/dataplane/interfaces/local-reachability.ts';
import { endpoint, removeEndpoint } from './support/intents.ts';
import { NodeLab, runIn, type Workload } from './support/node-lab.ts';

const run = promisify(execFile);

const pool = (name: string, cidr: string, more: Partial<PoolUpdate> = {}): PoolUpdate => ({
  ...{ type: 'pool-update', name, cidr: parseCidr(cidr), ipipMode: 'Never', vxlanMode: 'Never', natOutgoing: false },
  ...more,
});
const host = (name: string): HostUpdate => ({
  ...{ type: 'host-update', hostname: parseNodeName(name), ipv4: parseIp('172.16.0.1'), ipv6: parseIp('fd16::1') },
});

const peer4 = '172.16.0.254';
const peer6 = 'fd16::254';

describe('what is on the link of a host', () => {
  let lab: NodeLab;
  let peer: string;
  let workload: Workload;
  let reachability: LocalReachability;
  let dirty = 0;

  const open = () => {
    const opened = new LocalReachability({
      hostname: parseNodeName('node1'),
      netns: lab.netns,
      prefixes: ['cali'],
      onDirty: () => {
        dirty += 1;
      },
    });
    opened.update([pool('four', '172.16.0.0/26'), pool('six', 'fd16::/120'), host('node1')]);
    return opened;
  };
  /** Which of the addresses somebody on the peer's link says are his; the peer has to ask. */
  const answered = async (...addresses: readonly string[]): Promise<readonly string[]> => {
    runIn(peer, 'ip', 'neigh', 'flush', 'all');
    // Answers may come from this very process.
    const ping = (address: string) => run('nsenter', [`--net=/run/netns/${peer}`, 'ping', '-c1', '-W0.1', address]);
    await Promise.allSettled(addresses.map(ping));
    return addresses.filter((address) => runIn(peer, 'ip', 'neigh', 'show', 'to', address).includes('lladdr'));
  };
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

  it('is not answered for a virtual machine that leaves the host', () => {
    const migrations = new LiveMigrations(parseNodeName('node1'));
    const workloadEndpoint = { orchestratorID: 'cni', workloadID: 'default/a', endpointID: 'eth0', hostname: 'node1' };
    const proxiesDuring = (...ends: readonly ('source' | 'target')[]) => {
      const spec = Object.fromEntries(ends.map((end) => [end, { workloadEndpoint }]));
      migrations.update({ key: `${liveMigrationPrefix}default/move`, value: JSON.stringify({ spec }), revision: 1n });
      reachability.setMoves(migrations);
      expect(reachability.apply()).toEqual([]);
      return proxies().length;
    };
    reachability.update([both]);
    expect(proxiesDuring()).toBe(2);
    expect(proxiesDuring('source')).toBe(0);
    expect(proxiesDuring('source', 'target')).toBe(2);
    expect(proxiesDuring('target')).toBe(2);
    dirty = 0;
    reachability.setMoves(migrations);
    expect(dirty).toBe(0);
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

  it('is answered for again, which is counted, after somebody took that away; not after the link was down', async () => {
    reachability.update([endpoint('a', '172.16.0.50')]);
    reachability.apply();
    const before = proxies();
    runIn(lab.netns, 'ip', 'neigh', 'del', 'proxy', '172.16.0.50', 'dev', 'eth0');
    expect(proxies()).not.toEqual(before);
    // The kernel tells nobody.
    reachability.resync();
    reachability.apply();
    expect([proxies(), reachability.repairs]).toEqual([before, 1]);
    dirty = 0;
    runIn(lab.netns, 'sh', '-c', 'ip link set eth0 down; ip link set eth0 up');
    await expect.poll(() => dirty).toBeGreaterThan(0);
    await expect.poll(() => (reachability.apply(), proxies())).toEqual(before);
    expect(reachability.repairs).toBe(1);
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

  it('does not reach what has an address of a pool with tunnels, or of none', () => {
    reachability.update([both, pool('four', '172.16.0.0/26', { vxlanMode: 'CrossSubnet' })]);
    reachability.apply();
    expect(proxies()).toEqual([expect.stringContaining('fd16::50')]);
    reachability.update([{ type: 'pool-remove', name: 'six' }]);
    reachability.apply();
    expect(proxies()).toEqual([]);
  });

  it('is answered for a service’s address outside the cluster by the one node to which it falls', async () => {
    const services = ['172.16.0.60', 'fd16::60'];
    reachability.setServices([...services, '192.0.2.1'].map((ip) => parseIp(ip)));
    expect(reachability.apply()).toEqual([]);
    await expect.poll(() => answered(...services)).toEqual(services);
    const others = Array.from({ length: 50 }, (_, index) => `other${index}`);
    reachability.update(others.map(host));
    reachability.apply();
    expect(await answered(...services)).toEqual([]);
    reachability.update(others.map((name) => ({ type: 'host-remove', hostname: parseNodeName(name) })));
    reachability.apply();
    await expect.poll(() => answered(...services)).toEqual(services);
    reachability.setServices([]);
    reachability.apply();
    expect(await answered(...services)).toEqual([]);
  });
});
