/**
 * Random policy and packets, as in `src/rules/equivalence.test.ts`, but through the kernel, by each driver: frames are
 * put on the interfaces of a namespace that the driver programs, packets sent by a process in it, and a table of the
 * test's own, in the last hooks behind Calico's, notes and drops what Calico has let through. Dropped there, a packet
 * never becomes a connection, so every packet is a connection's first.
 *
 * All policy sets come through one calculation graph, each as the change from the one before. Now and then another driver
 * goes on, as after a restart with another configuration.
 */
import fc from 'fast-check';
import { parseIp, parseNodeName } from '@calico-node/net';
import { RouteSocket, writeSysctl } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../src/calc/calc-graph.ts';
import { IntentMirror } from '../src/calc/testing/intent-mirror.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import type { Packet } from '../src/rules/interpret.ts';
import { defaultRuleOptions, type RuleOptions } from '../src/rules/options.ts';
import { silentOptions } from '../src/rules/testing/random-options.ts';
import { packets } from '../src/rules/testing/random-packets.ts';
import {
  hostAddresses,
  hostInterfaces,
  hostWorlds,
  randomFailsafes,
  worlds,
} from '../src/rules/testing/random-world.ts';
import { Reference } from '../src/rules/testing/reference.ts';
import { feed, resourcesOf, serviceEndpointsOf, updatesOf } from '../src/rules/testing/world-updates.ts';
import { drivers } from './support/drivers.ts';
import { NodeLab, runIn } from './support/node-lab.ts';
import { encodeFrame, FrameSender, PacketSender } from './support/raw-packet.ts';

const packetsPerWorld = 12;
const cases = Math.max(700, Math.floor(Number(process.env['CALICO_EQUIVALENCE_RUNS'] ?? 0) / 10));
const seed = Number(process.env['CALICO_EQUIVALENCE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Interfaces by the host number of what is behind them; the other ends take the frames. */
const interfaces = { 1: 'cali1', 2: 'cali2', 3: 'eth0', 4: 'eth1', 9: 'cali9' } as const;
/** The node itself. */
const self = 7;
/** Most packets have to do with workloads that exist. */
const hosts = [1, 1, 2, 2, 3, 3, 4, self, self, 9] as const;
const otherEnd = (name: string): string => (name === 'eth0' ? 'fabric' : `x${name}`);

/** Packets that the routes send where they say, and that connection tracking does not find invalid. */
const routable: fc.Arbitrary<Packet> = fc
  .tuple(packets, fc.constantFrom(...hosts), fc.constantFrom(...hosts), fc.nat(9))
  .filter(([, from, to]) => from !== to)
  .map(([packet, from, to, forge]): Packet => {
    const address = (host: number) => parseIp(packet.family === 4 ? `10.0.0.${host}` : `fd00::${host}`);
    const isFromWorkload = from === 1 || from === 2 || from === 9;
    const isForged = forge === 0 && isFromWorkload && to !== 3;
    const { inInterface: _in, outInterface: _out, ...rest } = packet;
    return {
      ...rest,
      source: address(isForged ? 3 : from),
      destination: address(to),
      ...(from === self ? {} : { inInterface: interfaces[from] }),
      ...(to === self ? {} : { outInterface: interfaces[to] }),
      reversePathFailed: isForged,
    };
  })
  .filter(({ family, protocol, icmpType }) => {
    // Connection tracking looks into UDP-Lite's header.
    if (protocol === 136) return false;
    if (protocol === 1) return family === 4 && icmpType === 8;
    return protocol !== 58 || (family === 6 && icmpType === 128);
  });

function prepare(lab: NodeLab): void {
  const { netns } = lab;
  for (const [host, name] of Object.entries(interfaces)) {
    if (name !== 'eth0') runIn(netns, 'ip', 'link', 'add', name, 'type', 'veth', 'peer', 'name', otherEnd(name));
    for (const end of [name, otherEnd(name)]) runIn(netns, 'ip', 'link', 'set', end, 'up');
    runIn(netns, 'ip', 'route', 'add', `10.0.0.${host}/32`, 'dev', name);
    runIn(netns, 'ip', '-6', 'route', 'add', `fd00::${host}/128`, 'dev', name);
    writeSysctl(`net/ipv4/conf/${name}/rp_filter`, 0, { netns });
  }
  for (const address of Object.values(hostAddresses))
    runIn(netns, 'ip', 'address', 'add', address, 'dev', 'eth0', 'nodad');
  writeSysctl('net/ipv4/conf/all/rp_filter', 0, { netns });
  writeSysctl('net/ipv6/conf/all/forwarding', 1, { netns });
  writeSysctl('net/netfilter/nf_conntrack_checksum', 0, { netns });
  const set = (name: string, key: string): string => `set ${name} { typeof ${key}; flags dynamic; size 65535; }`;
  const note = (which: string, verdict: string): string =>
    `add @${which}4 { ip id } ${verdict}; add @${which}6 { ip6 flowlabel } ${verdict};`;
  const sets = ['arrived', 'passed'].flatMap((which) => [set(`${which}4`, 'ip id'), set(`${which}6`, 'ip6 flowlabel')]);
  lab.nft(`table inet probe {
    ${sets.join('\n')}
    chain before { type filter hook prerouting priority -400; ${note('arrived', 'continue')} }
    chain sent { type filter hook output priority -400; ${note('arrived', 'continue')} }
    chain taken { type filter hook input priority 100; ${note('passed', 'drop')} }
    chain left { type filter hook postrouting priority 200; ${note('passed', 'drop')} }
  }`);
}

/** The numbers of the packets that came, and of those that Calico let through. */
function noted(lab: NodeLab): { readonly arrived: ReadonlySet<number>; readonly passed: ReadonlySet<number> } {
  const found = { arrived: new Set<number>(), passed: new Set<number>() };
  const text = lab.nft('-n', 'list', 'table', 'inet', 'probe').join(' ');
  for (const [, which, elements] of text.matchAll(/set (arrived|passed)[46] \{[^}]*?elements = \{([^}]*)\}/g)) {
    for (const number of elements!.split(',')) found[which as keyof typeof found].add(Number(number));
  }
  return found;
}

const timeout = 60_000 + cases * 100;

test.for(Object.entries(drivers))(
  `%s decides as the policy reads (seed ${seed})`,
  { timeout },
  async ([name, open]) => {
    console.info(`kernel equivalence, ${name}: ${cases} cases, CALICO_EQUIVALENCE_SEED=${seed}`);
    using lab = new NodeLab();
    prepare(lab);
    using route = RouteSocket.open({ netns: lab.netns });
    const senders = new Map(
      Object.values(interfaces).map((name) => [name, new FrameSender(lab.netns, route.getLink(otherEnd(name))!.index)]),
    );
    using ownSender = new PacketSender(lab.netns);
    const macs = new Map(
      Object.values(interfaces).map((name) => [
        name,
        Uint8Array.from(route.getLink(name)!.mac!.split(':'), (x) => parseInt(x, 16)),
      ]),
    );
    const graph = new CalcGraph({ hostname: parseNodeName('node1') });
    const mirror = new IntentMirror();
    const start = (rules: RuleOptions): PolicyDriver => {
      const started = open({ netns: lab.netns, families: [4, 6], rules });
      started.update(hostInterfaces.map((each) => ({ type: 'host-interface-update', ...each })));
      started.update(mirror.intents());
      return started;
    };
    let rules: RuleOptions = { ...defaultRuleOptions, failsafes: randomFailsafes };
    let driver = start(rules);
    try {
      const sample = fc.sample(
        fc.tuple(
          fc.oneof(worlds, hostWorlds),
          fc.array(routable, { minLength: packetsPerWorld, maxLength: packetsPerWorld }),
          fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, silentOptions),
        ),
        {
          numRuns: Math.ceil(cases / packetsPerWorld),
          seed,
        },
      );
      let stored: readonly StoreUpdate[] = [];
      let id = 0;
      const seen = { allow: 0, deny: 0 };
      for (const [world, several, other] of sample) {
        if (other !== undefined) {
          driver.close();
          rules = { ...defaultRuleOptions, ...other };
          driver = start(rules);
        }
        const updates = updatesOf(world);
        const keys = new Set(updates.map(({ key }) => key));
        for (const { key, revision } of stored) if (!keys.has(key)) feed(graph, { key, value: undefined, revision });
        for (const update of updates) feed(graph, update);
        stored = updates;
        graph.onInSync();
        const batch = graph.flush();
        mirror.apply(batch);
        driver.update(batch.intents);
        await driver.apply();
        // A chain that the kernel refuses drops everything, which would often be right.
        expect(driver.hasProblems).toBe(false);

        const reference = new Reference(resourcesOf(updates), hostInterfaces, serviceEndpointsOf(updates));
        const sent = new Map<number, Packet>();
        for (const packet of several) {
          id++;
          sent.set(id, packet);
          if (packet.inInterface === undefined) {
            ownSender.send(packet, id);
            continue;
          }
          const name = packet.inInterface as (typeof interfaces)[1];
          senders.get(name)!.send(encodeFrame(packet, macs.get(name)!, id));
        }
        let { arrived, passed } = noted(lab);
        while ([...sent.keys()].some((number) => !arrived.has(number))) ({ arrived, passed } = noted(lab));
        for (const [number, packet] of sent) {
          const { verdict, steps } = reference.decide(packet, rules);
          // The last packet may have arrived and still be on its way when the sets were listed.
          for (let again = 0; again < 5 && verdict === 'allow' && !passed.has(number); again++)
            ({ passed } = noted(lab));
          const byKernel = passed.has(number) ? 'allow' : 'deny';
          if (byKernel !== verdict)
            expect({ packet, byKernel, rules, policies: world.policies }).toEqual({ packet, verdict, steps });
          seen[verdict]++;
        }
        if (id < 60_000) continue;
        for (const which of ['arrived4', 'arrived6', 'passed4', 'passed6'])
          lab.nft('flush', 'set', 'inet', 'probe', which);
        id = 0;
      }
      expect(Math.min(seen.allow, seen.deny)).toBeGreaterThan(cases / 20);
    } finally {
      driver.close();
      for (const sender of senders.values()) sender[Symbol.dispose]();
    }
  },
);
