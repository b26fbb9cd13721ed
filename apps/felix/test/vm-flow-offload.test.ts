/** Established connections past the chains, with real packets; the kernel's flow tables do it. */
import { once } from 'node:events';
import { createServer, Socket, type Server } from 'node:net';
import { familyOf, hostCidr, parseIp } from '@calico-node/net';
import { inNetns, openTcpSocket } from '@calico-node/netlink';
import { ConntrackSocket } from '@calico-node/netlink/conntrack';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { FlowOffload } from '../src/dataplane/flow-offload/flow-offload.ts';
import { removeFlowTable } from '../src/dataplane/flow-offload/remove-flow-table.ts';
import { NftablesDriver } from '../src/dataplane/nftables/nftables-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { endpoint, policy, removeEndpoint, rule, start } from './support/intents.ts';
import { canConnect, NodeLab, runIn, type Workload } from './support/node-lab.ts';
import { StoreLab } from './support/store-lab.ts';

/** Whether this kernel has flow tables. */
function hasFlowTables(): boolean {
  using lab = new NodeLab();
  try {
    lab.nft('add table inet t; add flowtable inet t f { hook ingress priority 0; devices = { eth0 }; }');
    return true;
  } catch {
    return false;
  }
}

const isPossible = hasFlowTables();
if (!isPossible) console.warn('skipped: flow tables with real packets: this kernel has none; `make test-vm` has');

const allowAll = policy('p', [rule('allow')], [rule('allow')]);
const a = (more: Parameters<typeof endpoint>[3] = {}): Intent => endpoint('a', '10.65.0.1', ['p'], more);
const b = (more: Parameters<typeof endpoint>[3] = {}): Intent => endpoint('b', '10.65.0.2', ['p'], more);

let stack: AsyncDisposableStack;
let lab: NodeLab;
let policyDriver: NftablesDriver;
let flows: FlowOffload;
let one: Workload;
let two: Workload;
let warnings: string[];
let dirty: number;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  lab = stack.use(new NodeLab());
  one = lab.addWorkload('a', '10.65.0.1');
  two = lab.addWorkload('b', '10.65.0.2');
  warnings = [];
  dirty = 0;
  flows = open();
  const nothing = (): void => undefined;
  const log = { info: nothing, warn: nothing };
  policyDriver = new NftablesDriver({
    ...{ netns: lab.netns, families: [4, 6], rules: defaultRuleOptions, log, onDirty: nothing },
  });
  stack.defer(() => {
    policyDriver.close();
  });
});

afterEach(async () => {
  await stack.disposeAsync();
});

function open(): FlowOffload {
  return stack.use(
    new FlowOffload({
      netns: lab.netns,
      families: [4, 6],
      prefixes: ['cali'],
      isDataInterface: (name) => name === 'eth0',
      log: { info: () => undefined, warn: (_fields: unknown, text?: string) => warnings.push(text ?? '') },
      onDirty: () => {
        dirty += 1;
      },
    }),
  );
}

/** As the engine does it: the packet filter first. */
async function take(...intents: readonly Intent[]): Promise<void> {
  policyDriver.update(intents);
  flows.update(intents);
  await policyDriver.apply();
  expect(flows.apply()).toEqual([]);
}

describe.skipIf(!isPossible)('flow tables', () => {
  let echo: Server;

  beforeEach(async () => {
    echo = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    inNetns(two.netns, () => {
      echo.listen(80);
    });
    await once(echo, 'listening');
    stack.defer(() => {
      echo.close();
    });
    lab.nft('add table ip probe; add chain ip probe f { type filter hook forward priority 0; }');
    lab.nft('add rule ip probe f counter');
    await take(...start, allowAll, a(), b());
  });

  /** Packets that the forward hook has seen. */
  const passed = (family: string): number =>
    Number(/counter packets (\d+)/.exec(lab.nft('list', 'table', family, 'probe').join())?.[1]);
  const listing = (): string => lab.nft('list', 'table', 'inet', 'calico-flows').join('\n');

  async function connect(to = two.address): Promise<Socket> {
    const fd = openTcpSocket({ family: familyOf(to), netns: one.netns });
    // No type of Node.js's names manualStart: not to read before it is connected.
    const options = { fd, readable: true, writable: true, manualStart: true };
    const socket = new Socket(options);
    stack.defer(() => {
      socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.connect(80, to);
    await once(socket, 'connect', { signal: AbortSignal.timeout(20_000) });
    return socket;
  }

  /** Sends words, each after the echo of the one before; gives how many packets the chains saw of it. */
  async function talk(socket: Socket, words = 50, family = 'ip'): Promise<number> {
    const before = passed(family);
    for (let word = 0; word < words; word++) {
      const answer = once(socket, 'data', { signal: AbortSignal.timeout(20_000) });
      socket.write('x');
      await answer;
    }
    return passed(family) - before;
  }

  /** Whether packets still go there: the other end takes them. */
  async function isHeard(socket: Socket): Promise<boolean> {
    const answer = once(socket, 'data').then(() => true);
    socket.write('x');
    return Promise.race([answer, new Promise<boolean>((resolve) => setTimeout(resolve, 3000, false))]);
  }

  it('takes connections past the chains once they are established, and counts their packets all the same', async () => {
    runIn(lab.netns, 'sysctl', '-qw', 'net.netfilter.nf_conntrack_acct=1');
    using connections = ConntrackSocket.open({ netns: lab.netns });
    const socket = await connect();
    await talk(socket);
    expect(await talk(socket)).toBeLessThan(10);
    const [counted] = connections.listCounted(4);
    expect(counted?.forth.packets).toBeGreaterThan(100);
    expect(runIn(lab.netns, 'cat', '/proc/net/nf_conntrack')).toMatch(/src=10\.65\.0\.1 dst=10\.65\.0\.2.*\[OFFLOAD\]/);
    expect(listing()).toMatch(/devices = { "?calia"?, "?calib"?, "?eth0"? }/);
  });

  it('takes those of IPv6 too', async () => {
    lab.addIpv6(one, 'fd65::1');
    lab.addIpv6(two, 'fd65::2');
    lab.nft('add table ip6 probe; add chain ip6 probe f { type filter hook forward priority 0; }');
    lab.nft('add rule ip6 probe f counter');
    const addresses = (host: number) => [`10.65.0.${host}`, `fd65::${host}`].map((ip) => hostCidr(parseIp(ip)));
    await take(a({ addresses: addresses(1) }), b({ addresses: addresses(2) }));
    const socket = await connect('fd65::2');
    await talk(socket, 50, 'ip6');
    expect(await talk(socket, 50, 'ip6')).toBeLessThan(10);
  });

  it('leaves a connection alone when policy changes, as the chains do, and lets no new one come', async () => {
    const socket = await connect();
    await talk(socket);
    await take(policy('p', []));
    expect(await isHeard(socket)).toBe(true);
    expect(await canConnect(one, two.address, 80)).toBe(false);
  });

  it.each([
    ['goes', removeEndpoint('b')],
    ['is switched off', b({ adminUp: false })],
  ])('ends the connections of an endpoint that %s while its interface stays', async (_, change) => {
    const socket = await connect();
    await talk(socket);
    await take(change);
    using connections = ConntrackSocket.open({ netns: lab.netns });
    await connections.forget(new Set([parseIp(two.address)]));
    expect(await isHeard(socket)).toBe(false);
    expect(listing()).not.toContain('calib');
  });

  it.each([
    ['packet rate', { limits: { ingress: { packetRate: 100_000 }, egress: {} } }],
    ['connection limit', { limits: { ingress: {}, egress: { maxConnections: 100 } } }],
    ['code point', { dscp: 10 }],
  ])('has no connections of an endpoint with a %s, those neither that it had', async (_, more) => {
    const socket = await connect();
    await talk(socket);
    await take(b(more));
    expect(await talk(socket)).toBeGreaterThan(90);
    await take(b());
    await talk(socket);
    expect(await talk(socket)).toBeLessThan(10);
  });

  it('follows interfaces that come and go', async () => {
    const socket = await connect();
    await talk(socket);
    lab.addWorkload('x', '10.65.0.3');
    await take(endpoint('x', '10.65.0.3', ['p']));
    await expect.poll(() => (flows.apply(), listing())).toContain('calix');
    expect(await talk(socket)).toBeLessThan(10);
    runIn(lab.netns, 'ip', 'link', 'delete', 'calix');
    await expect.poll(() => (flows.apply(), flows.missingCount)).toBe(1);
    expect(listing()).not.toContain('calix');
    expect(flows.deviceCount).toBe(3);
    lab.nft('flush', 'chain', 'ip', 'probe', 'f');
    runIn(lab.netns, 'ip', 'link', 'add', 'calix', 'type', 'veth', 'peer', 'name', 'x');
    await expect.poll(() => (flows.apply(), listing())).toContain('calix');
    expect(await isHeard(socket)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('writes nothing where all is right already, and puts right what another hand changed', async () => {
    const again = open();
    again.update([a(), b()]);
    again.apply();
    expect(again.writes).toBe(0);
    for (const change of ['delete table inet calico-flows', 'flush chain inet calico-flows forward']) {
      const [wanted, seen] = [listing(), dirty];
      lab.nft(change);
      await expect.poll(() => dirty).toBeGreaterThan(seen);
      flows.apply();
      expect(listing()).toBe(wanted);
    }
    removeFlowTable(lab.netns);
    removeFlowTable(lab.netns);
    expect(() => listing()).toThrow();
  });
});

describe.skipIf(isPossible)('flow tables where the kernel has none', () => {
  it('are told of once, and missed by nobody', async () => {
    await take(...start, allowAll, a(), b());
    await take(a());
    expect(warnings).toEqual([expect.stringContaining('this kernel has no flow tables')]);
    expect(flows.writes).toBe(0);
    expect(await canConnect(one, two.address, 80)).toBe(true);
  });
});

test.skipIf(isPossible)('felix says that it has no flow tables, and goes on', async () => {
  await using store = await StoreLab.start();
  const workload = store.node.addWorkload('w', '10.65.0.9', { byFelix: true });
  const revision = await store.applyEndpoint(workload, 'w');
  await using felix = store.startFelix({ FELIX_NFTABLESFLOWTABLEOFFLOAD: 'All', FELIX_NFTABLESMODE: 'Enabled' });
  expect(await felix.waitForEndpoint('w', revision)).toMatchObject({ reason: '' });
  await expect.poll(() => felix.output, { timeout: 20_000 }).toContain('this kernel has no flow tables');
  await felix.end('SIGTERM');
});

test.runIf(isPossible)(
  'felix has a flow table where one is asked for',
  async () => {
    await using store = await StoreLab.start();
    await store.applyEndpoint(store.node.addWorkload('w', '10.65.0.9', { byFelix: true }), 'w');
    await using felix = store.startFelix({
      FELIX_NFTABLESMODE: 'Enabled',
      FELIX_NFTABLESFLOWTABLEOFFLOAD: 'All',
      FELIX_NFTABLESFLOWTABLEDATAIFACEPATTERN: '^eth',
    });
    const listing = (): string => store.node.nft('list', 'ruleset').join('\n');
    // It takes its time to start where the processor is emulated.
    await expect.poll(() => felix.output, { timeout: 170_000, interval: 500 }).toContain('in sync with the store');
    await expect.poll(listing, { timeout: 60_000, interval: 1000 }).toMatch(/devices = { "?caliw"?, "?eth0"? }/);
    await felix.end('SIGTERM');
  },
  300_000,
);
