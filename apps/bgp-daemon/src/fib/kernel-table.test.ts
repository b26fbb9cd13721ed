import { linkAddress, type NextHop } from '@calico-node/bgp';
import { parseCidr, parseIp, type Cidr } from '@calico-node/net';
import { beforeEach, describe, expect, it } from 'vitest';
import { FakeFib } from './fake-fib.ts';
import { ownProtocol, type FibWay } from './fib.ts';
import { KernelTable } from './kernel-table.ts';

const block = parseCidr('10.244.1.0/26');
const remote = parseCidr('10.244.2.0/26');
const subnet = parseCidr('10.9.0.0/24');

let fib: FakeFib;
let failures: string[];
let learnt: Cidr[];
let moved: NextHop[];

function open(isProgramming = true): KernelTable {
  const table = new KernelTable(
    (onEvent) => {
      const before = fib;
      fib = new FakeFib(onEvent);
      fib.routes.push(...before.routes);
      for (const [index, name] of before.interfaces) fib.interfaces.set(index, name);
      for (const [index, address] of before.linkLocals) fib.linkLocals.set(index, address);
      return fib;
    },
    {
      foreignChanged: (destination) => learnt.push(destination),
      nextHopsChanged: (nextHops) => moved.push(...nextHops),
      interfacesChanged: () => undefined,
      dirty: () => undefined,
      failed: (_change, { code }) => failures.push(code),
    },
  );
  table.setProgramming(isProgramming);
  return table;
}

const via = (interfaceIndex = 2, gateway = parseIp('10.9.0.2')): FibWay => ({
  kind: 'via',
  hops: [{ gateway, interfaceIndex, onlink: false }],
});

beforeEach(() => {
  fib = new FakeFib(() => undefined);
  fib.interfaces.set(2, 'eth0');
  fib.addForeign({ destination: subnet, interfaceIndex: 2, protocol: 2, isLinkScope: true });
  failures = [];
  learnt = [];
  moved = [];
});

describe('the kernel table', () => {
  it('writes what is wanted, and only the difference', () => {
    const table = open();
    table.want(block, { kind: 'blackhole' });
    table.want(remote, via());
    expect(table.reconcile(100)).toBe(true);
    expect(fib.own()).toEqual([block, remote]);
    const count = fib.changes.length;
    table.want(remote, via());
    table.reconcile(100);
    expect(fib.changes.length).toBe(count);
    table.want(remote, via(2, parseIp('10.9.0.3')));
    table.reconcile(100);
    expect(fib.changes.at(-1)).toMatchObject({ kind: 'replace' });
  });

  it('gives a route another metric without a gap', () => {
    const table = open();
    table.converge();
    const metrics = (): number[] => fib.routes.filter(({ destination }) => destination === remote).map((r) => r.metric);
    table.want(remote, via());
    table.reconcile(100);
    table.want(remote, { ...via(), metric: 512 });
    table.reconcile(100);
    expect(fib.changes.at(-2)).toMatchObject({ kind: 'move', oldMetric: 0 });
    expect(metrics()).toEqual([512]);
    table.want(remote, undefined);
    table.reconcile(100);
    expect(metrics()).toEqual([]);
  });

  it('reaches link-local next hops over their interface, for as long as that one has such a network', () => {
    fib.interfaces.set(3, 'eth1');
    const network = parseCidr('fe80::/64');
    const onLink = { destination: network, protocol: 2, metric: 256, isLinkScope: true };
    fib.addForeign({ ...onLink, interfaceIndex: 2 });
    const table = open();
    const gateway = parseIp('fe80::7');
    const [first, second] = [linkAddress(gateway, 'eth0'), linkAddress(gateway, 'eth1')];
    expect(table.nextHops.resolve(first)).toEqual({ gateway, interfaceIndex: 2, onlink: false, cost: 0 });
    expect(table.nextHops.resolve(second)).toBeUndefined();
    fib.addForeign({ ...onLink, interfaceIndex: 3 });
    expect(moved).toEqual([second]);
    expect(table.nextHops.resolve(second)).toEqual({ gateway, interfaceIndex: 3, onlink: false, cost: 0 });
    moved = [];
    fib.remove(network, 2);
    expect(moved).toEqual([first]);
    expect(table.nextHops.resolve(first)).toBeUndefined();
  });

  it('knows the link that it shares with a neighbour, and its own addresses there', () => {
    const [linkLocal, near] = [parseIp('fe80::1'), parseIp('fd00:9::2')];
    fib.linkLocals.set(2, linkLocal);
    fib.addForeign({ destination: parseCidr('fe80::/64'), interfaceIndex: 2, protocol: 2, isLinkScope: true });
    fib.addForeign({ destination: parseCidr('fd00:9::/64'), interfaceIndex: 2, protocol: 2, isLinkScope: true });
    fib.addForeign({ destination: parseCidr('::/0'), gateway: near, interfaceIndex: 2 });
    const table = open();
    const link = table.linkTowards(near);
    expect(link).toMatchObject({ interfaceName: 'eth0', linkLocal });
    expect(table.linkTowards(linkAddress(parseIp('fe80::2'), 'eth0'))?.interfaceName).toBe('eth0');
    expect(table.linkTowards(parseIp('fd00:77::1'))).toBeUndefined();
    expect([near, parseIp('fd00:77::1'), parseIp('fe80::2')].map((ip) => link?.isOnLink(ip))).toEqual([
      true,
      false,
      false,
    ]);
    expect(table.isLocalAddress(linkAddress(linkLocal, 'eth0'))).toBe(true);
    expect(table.isLocalAddress(linkAddress(linkLocal, 'eth1'))).toBe(false);
  });

  it('knows interfaces by name, also one that came later', () => {
    const table = open();
    expect([table.interfaceIndex('eth0'), table.interfaceIndex('tunl0')]).toEqual([2, undefined]);
    fib.interfaces.set(7, 'tunl0');
    table.resync();
    expect(table.interfaceIndex('tunl0')).toBe(7);
  });

  it('leaves alone what it has not written, where it is to write nothing, and takes back what it has', () => {
    const before = open();
    before.want(block, { kind: 'blackhole' });
    before.reconcile(100);
    const table = open(false);
    table.want(remote, via());
    table.converge();
    table.reconcile(100);
    expect(fib.own()).toEqual([block, remote]);
    table.want(remote, undefined);
    table.reconcile(100);
    expect(fib.own()).toEqual([block]);
    table.setProgramming(true);
    table.reconcile(100);
    expect(fib.own()).toEqual([]);
  });

  it('keeps what an earlier life left until it converges, then removes what nobody wants', () => {
    fib.addForeign({ destination: remote, gateway: parseIp('10.9.0.2'), interfaceIndex: 2, protocol: ownProtocol });
    fib.addForeign({ destination: block, kind: 'blackhole', protocol: ownProtocol });
    const table = open();
    table.want(block, { kind: 'blackhole' });
    table.reconcile(100);
    table.want(remote, undefined);
    table.reconcile(100);
    expect(fib.own().sort()).toEqual([block, remote]);
    expect(fib.changes).toEqual([]);
    table.converge();
    table.reconcile(100);
    expect(fib.own()).toEqual([block]);
  });

  it('puts back what somebody removes, and leaves alone what somebody else put there', () => {
    const table = open();
    table.want(remote, via());
    table.reconcile(100);
    fib.remove(remote, ownProtocol);
    table.reconcile(100);
    expect(fib.own()).toEqual([remote]);
    const foreign = parseCidr('10.244.3.0/26');
    fib.addForeign({ destination: foreign, interfaceIndex: 2 });
    table.want(foreign, via());
    table.reconcile(100);
    expect(fib.routes.filter(({ destination }) => destination === foreign)).toMatchObject([{ protocol: 3 }]);
    fib.remove(foreign, 3);
    table.reconcile(100);
    expect(fib.own()).toEqual([remote, foreign]);
  });

  it('does not let one failing route stop the next, and tries it again', () => {
    const table = open();
    table.want(remote, via(77));
    table.want(block, { kind: 'blackhole' });
    table.reconcile(100);
    expect([fib.own(), failures]).toEqual([[block], ['ENODEV']]);
    fib.interfaces.set(77, 'eth7');
    table.retryFailed();
    table.reconcile(100);
    expect(fib.own()).toEqual([block, remote]);
  });

  describe('while the kernel is at work', () => {
    it('asks for nothing else, and then for what is wanted by then', () => {
      const table = open();
      fib.isSlow = true;
      table.want(remote, via());
      expect(table.reconcile(100)).toBe(true);
      table.want(remote, via(2, parseIp('10.9.0.3')));
      table.want(block, { kind: 'blackhole' });
      expect(table.reconcile(100)).toBe(true);
      fib.carryOut();
      expect(fib.own()).toEqual([remote]);
      table.reconcile(100);
      fib.carryOut();
      expect(fib.changes.map(({ kind, destination }) => [kind, destination])).toEqual([
        ['add', remote],
        ['replace', remote],
        ['add', block],
      ]);
      expect(fib.routes.find(({ destination }) => destination === remote)).toMatchObject({ gateway: '10.9.0.3' });
    });

    it('takes a route away again that is no longer wanted when it is there', () => {
      const table = open();
      table.converge();
      fib.isSlow = true;
      table.want(remote, via());
      table.reconcile(100);
      table.want(remote, undefined);
      fib.carryOut();
      expect(fib.own()).toEqual([remote]);
      table.reconcile(100);
      fib.carryOut();
      expect(fib.own()).toEqual([]);
      expect([table.size, table.isEmpty]).toEqual([0, true]);
    });

    it('reads the table again where somebody else has a hand in the same route', () => {
      const table = open();
      table.want(remote, via());
      table.reconcile(100);
      fib.isSlow = true;
      table.want(remote, via(2, parseIp('10.9.0.3')));
      table.reconcile(100);
      fib.remove(remote, ownProtocol);
      fib.carryOut();
      expect(table.needsResync).toBe(true);
      fib.remove(remote, ownProtocol);
      table.resync();
      table.reconcile(100);
      fib.carryOut();
      expect(fib.own()).toEqual([remote]);
    });

    it('puts off reading the table', () => {
      const table = open();
      fib.isSlow = true;
      table.want(remote, via());
      table.reconcile(100);
      table.resync();
      fib.carryOut();
      expect([table.size, table.needsResync]).toEqual([1, true]);
      table.resync();
      expect([table.size, table.needsResync]).toEqual([1, false]);
    });

    it('forgets what comes after it was closed', () => {
      const table = open();
      fib.isSlow = true;
      table.want(remote, via(77));
      table.reconcile(100);
      table.close();
      fib.carryOut();
      expect(failures).toEqual([]);
    });
  });

  it('works in slices', () => {
    const table = open();
    const all = Array.from({ length: 25 }, (_, index) => parseCidr(`10.245.${index}.0/24`));
    for (const destination of all) table.want(destination, { kind: 'blackhole' });
    expect([table.reconcile(10), table.reconcile(10), table.reconcile(10)]).toEqual([false, false, true]);
    expect(fib.own().length).toBe(25);
  });

  it('tells of the routes of others, not of connected ones', () => {
    const table = open();
    const workload = parseCidr('10.244.1.5/32');
    fib.addForeign({ destination: workload, interfaceIndex: 2 });
    expect(learnt.at(-1)).toBe(workload);
    expect(table.foreignRoutes(workload)).toHaveLength(1);
    expect(table.foreignRoutes(subnet)).toEqual([]);
  });

  it('resolves next hops through others, and says when they lead elsewhere', () => {
    const table = open();
    const [near, far] = [parseIp('10.9.0.2'), parseIp('172.16.0.1')];
    expect(table.nextHops.resolve(near)).toEqual({ gateway: near, interfaceIndex: 2, onlink: false, cost: 0 });
    expect(table.nextHops.resolve(far)).toBeUndefined();
    fib.addForeign({ destination: parseCidr('0.0.0.0/0'), gateway: parseIp('10.9.0.1'), interfaceIndex: 2 });
    expect(moved).toEqual([far]);
    expect(table.nextHops.resolve(far)).toEqual({ gateway: '10.9.0.1', interfaceIndex: 2, onlink: false, cost: 1 });
    fib.remove(parseCidr('0.0.0.0/0'), 3);
    expect(table.nextHops.resolve(far)).toBeUndefined();
    fib.addForeign({ destination: parseCidr('172.16.0.0/16'), gateway: near, interfaceIndex: 2, metric: 30 });
    expect(table.nextHops.resolve(far)).toMatchObject({ gateway: near, cost: 31 });
  });

  it('resolves next hops through configured routes too', () => {
    const table = open();
    const peer = parseIp('172.16.5.5');
    expect(table.nextHops.resolve(peer)).toBeUndefined();
    table.setStatics([[parseCidr('172.16.5.5/32'), parseIp('10.9.0.7')]]);
    expect(moved).toEqual([peer]);
    expect(table.nextHops.resolve(peer)).toEqual({ gateway: '10.9.0.7', interfaceIndex: 2, onlink: false, cost: 1 });
  });

  it('finds out by reading what nobody told it', () => {
    const table = open();
    table.want(remote, via());
    table.reconcile(100);
    fib.routes.splice(0, fib.routes.length);
    table.resync();
    expect(moved).toEqual([]);
    expect(learnt.at(-1)).toBe(subnet);
    table.reconcile(100);
    expect(fib.own()).toEqual([remote]);
  });
});
