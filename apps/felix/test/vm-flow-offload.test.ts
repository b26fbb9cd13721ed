/** Established connections past the chains, with real packets; the kernel's flow tables do it. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { hostCidr, parseIp } from '@calico-node/net';
import { ConntrackSocket } from '@calico-node/netlink/conntrack';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { FlowOffload } from '../src/dataplane/flow-offload/flow-offload.ts';
import { removeFlowTable } from '../src/dataplane/flow-offload/remove-flow-table.ts';
import { NftablesDriver } from '../src/dataplane/nftables/nftables-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { connectTo, countForwarded, serveEcho, talk } from './support/conversation.ts';
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

beforeEach(() => {
  stack = new AsyncDisposableStack();
  lab = stack.use(new NodeLab());
  one = lab.addWorkload('a', '10.65.0.1');
  two = lab.addWorkload('b', '10.65.0.2');
  warnings = [];
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
      onDirty: () => undefined,
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
  let passed: () => number;

  beforeEach(async () => {
    stack.use(await serveEcho(two.netns));
    passed = countForwarded(lab.netns);
    await take(...start, allowAll, a(), b());
  });

  const listing = (): string => lab.nft('list', 'table', 'inet', 'calico-flows').join('\n');

  async function connect(to = two.address): Promise<Socket> {
    const socket = await connectTo(one.netns, to);
    stack.defer(() => {
      socket.destroy();
    });
    return socket;
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
    await talk(socket, passed);
    expect(await talk(socket, passed)).toBeLessThan(10);
    const [counted] = connections.listCounted(4);
    expect(counted?.forth.packets).toBeGreaterThan(100);
    expect(runIn(lab.netns, 'cat', '/proc/net/nf_conntrack')).toMatch(/src=10\.65\.0\.1 dst=10\.65\.0\.2.*\[OFFLOAD\]/);
    expect(listing()).toMatch(/devices = { "?calia"?, "?calib"?, "?eth0"? }/);
  });

  it('takes those of IPv6 too', async () => {
    lab.addIpv6(one, 'fd65::1');
    lab.addIpv6(two, 'fd65::2');
    const passed6 = countForwarded(lab.netns, 'ip6');
    const addresses = (host: number) => [`10.65.0.${host}`, `fd65::${host}`].map((ip) => hostCidr(parseIp(ip)));
    await take(a({ addresses: addresses(1) }), b({ addresses: addresses(2) }));
    const socket = await connect('fd65::2');
    await talk(socket, passed6);
    expect(await talk(socket, passed6)).toBeLessThan(10);
  });

  it('leaves a connection alone when policy changes, as the chains do, and lets no new one come', async () => {
    const socket = await connect();
    await talk(socket, passed);
    await take(policy('p', []));
    expect(await isHeard(socket)).toBe(true);
    expect(await canConnect(one, two.address, 80)).toBe(false);
  });

  it.each([
    ['goes', removeEndpoint('b')],
    ['is switched off', b({ adminUp: false })],
  ])('ends the connections of an endpoint that %s while its interface stays', async (_, change) => {
    const socket = await connect();
    await talk(socket, passed);
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
    await talk(socket, passed);
    await take(b(more));
    expect(await talk(socket, passed)).toBeGreaterThan(90);
    await take(b());
    await talk(socket, passed);
    expect(await talk(socket, passed)).toBeLessThan(10);
  });

  it('follows interfaces that come and go', async () => {
    const socket = await connect();
    await talk(socket, passed);
    lab.addWorkload('x', '10.65.0.3');
    await take(endpoint('x', '10.65.0.3', ['p']));
    await expect.poll(() => (flows.apply(), listing())).toContain('calix');
    expect(await talk(socket, passed)).toBeLessThan(10);
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
    again[Symbol.dispose]();
    for (const change of ['delete table inet calico-flows', 'flush chain inet calico-flows forward']) {
      const wanted = listing();
      lab.nft(change);
      const { repairs } = flows;
      await expect.poll(() => (flows.apply(), flows.repairs)).toBe(repairs + 1);
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
