/** An endpoint that arrives while the kernel takes in much else is there, with all that it needs, before the rest is. */
import { Backoff, createLogger, Health } from '@calico-node/service';
import { expect, it } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { Engine } from '../src/dataplane/engine.ts';
import { WorkloadInterfaces } from '../src/dataplane/interfaces/workload-interfaces.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { policyChainName } from '../src/rules/names.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { HostEndpointStates } from '../src/status/host-endpoint-states.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, endpointId, netSet, policy, rule, setId, start } from './support/intents.ts';
import { NodeLab, runIn } from './support/node-lab.ts';

const BULK = 40;
const others = Array.from({ length: BULK }, (_, index) => `b${index}`);

/** Each of the other endpoints has a policy more. */
const bulk: readonly Intent[] = [
  ...others.map((name) => policy(`of-${name}`, [rule('allow')])),
  ...others.map((name, index) => endpoint(name, `10.65.1.${index}`, [`of-${name}`])),
];

const newcomer: readonly Intent[] = [
  netSet('friends', ['10.65.9.1/32', '10.65.9.2/32']),
  policy('own', [rule('allow', { source: { sets: [setId('friends')] } })]),
  endpoint('new', '10.65.0.1', ['own'], { revision: 7n }),
];

const chainOf = (name: string): string =>
  policyChainName(`gnp/${name}` as never, 'ingress', defaultRuleOptions.maxChainNameLength);

/** What the kernel has: how many of the others' policies, and which of the new endpoint's parts. */
function look(netns: string, filter: string): { readonly others: number; readonly newcomer: readonly string[] } {
  const text =
    filter === 'nftables'
      ? runIn(netns, 'nft', 'list', 'ruleset')
      : runIn(netns, `${filter}-save`) + runIn(netns, 'ipset', 'save');
  const parts = ['10.65.9.1', '10.65.9.2', chainOf('own'), 'cali-tw-calinew'];
  return {
    others: others.filter((name) => text.includes(chainOf(`of-${name}`))).length,
    newcomer: parts.filter((part) => text.includes(part)),
  };
}

it.for(Object.entries(drivers))('by %s', async ([filter, open]) => {
  using lab = new NodeLab();
  const { interfaceName } = lab.addWorkload('new', '10.65.0.1', { byFelix: true });
  const seen: ReturnType<typeof look>[] = [];
  const driver = open({ netns: lab.netns, families: [4], rules: defaultRuleOptions });
  using _driver = {
    [Symbol.dispose]: () => {
      driver.close();
    },
  };
  using interfaces = new WorkloadInterfaces({
    netns: lab.netns,
    prefixes: ['cali'],
    ipv6: false,
    routeProtocol: 3,
    metric: { 4: 1024, 6: 1024 },
    onDirty: () => undefined,
  });
  const watched: PolicyDriver = {
    pieceSize: 10,
    writes: 0,
    repairs: 0,
    hasProblems: false,
    update: (intents) => {
      driver.update(intents);
    },
    installSkeleton: () => {
      driver.installSkeleton();
    },
    apply: async () => {
      const applied = driver.apply();
      if (seen.length === 1) engine.take({ revision: 7n, intents: newcomer, warnings: [] }, true);
      await applied;
      seen.push(look(lab.netns, filter));
    },
    resync: () => {
      driver.resync();
    },
    problemOf: () => undefined,
    counts: () => driver.counts(),
    close: () => undefined,
  };
  const idle = { update: () => undefined, apply: () => [], writes: 0 };
  const health = new Health();
  const engine = new Engine({
    policy: watched,
    interfaces,
    hostInterfaces: { takeChanges: () => [] },
    hostEndpoints: new HostEndpointStates({ isUp: () => undefined }),
    network: idle,
    bandwidth: idle,
    floatingIps: false,
    connections: { forget: () => Promise.resolve() },
    log: createLogger('test', 'silent'),
    health: health.register('dataplane'),
    networkHealth: health.register('network'),
    bandwidthHealth: health.register('bandwidth'),
    metrics: {
      applied: () => undefined,
      failed: () => undefined,
      hostAddresses: () => undefined,
      hostInterfaces: () => undefined,
      waitedForConnections: () => undefined,
      latency: () => undefined,
    },
    backoff: new Backoff(1, 10),
    onStates: () => undefined,
    now: () => process.hrtime.bigint(),
  });
  const stop = new AbortController();
  const running = engine.run(stop.signal);

  const before = others.map((name, index) => endpoint(name, `10.65.1.${index}`));
  engine.take({ revision: 5n, intents: [...start.slice(0, -1), ...before, ...start.slice(-1)], warnings: [] }, true);
  await engine.revisions.reached(5n, stop.signal);
  engine.take({ revision: 6n, intents: bulk, warnings: [] }, true);
  const programmed = await engine.whenProgrammed(endpointId('new'), 7n, stop.signal);
  const seenThen = seen.length;
  const appliedThen = engine.revisions.applied;
  await engine.revisions.reached(7n, stop.signal);
  stop.abort();
  await running;

  expect(programmed).toMatchObject({ endpoint: { interfaceName }, state: { state: 'up' } });
  // Nothing, a piece of the bulk, the newcomer with all that it needs.
  expect(seen[0]).toEqual({ others: 0, newcomer: [] });
  expect(seen[1]?.newcomer).toEqual([]);
  expect(seen[2]?.newcomer).toHaveLength(4);
  expect(seen[2]?.others).toBeLessThan(BULK);
  expect({ seenThen, appliedThen }).toEqual({ seenThen: 3, appliedThen: 5n });
  expect(seen.at(-1)).toEqual({ others: BULK, newcomer: seen[2]?.newcomer });
});
