/** However the same updates come, the kernel ends up with the same sets, chains and rules. */
import fc from 'fast-check';
import { parseNodeName } from '@calico-node/net';
import { expect, test } from 'vitest';
import { CalcGraph, type StoreUpdate } from '../src/calc/calc-graph.ts';
import { Backlog } from '../src/dataplane/backlog/backlog.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { hostInterfaces, worlds } from '../src/rules/testing/random-world.ts';
import { feed, updatesOf } from '../src/rules/testing/world-updates.ts';
import { drivers } from './support/drivers.ts';
import { NodeLab, runIn } from './support/node-lab.ts';

const numRuns = 10;
/** With all that there may be. */
const rules = { ...defaultRuleOptions, ipvs: { marks: 0xffe00000, nodePorts: [{ first: 30_000, last: 32_767 }] } };

/** A graph and a driver with a kernel of their own. */
class Node implements Disposable {
  readonly #lab = new NodeLab();
  readonly #graph = new CalcGraph({ hostname: parseNodeName('node1') });
  readonly #filter: string;
  readonly #driver: PolicyDriver;
  readonly #backlog = new Backlog();

  constructor(filter: string) {
    this.#filter = filter;
    this.#driver = drivers[filter]!({ netns: this.#lab.netns, families: [4, 6], rules });
    this.#driver.update(hostInterfaces.map((each) => ({ type: 'host-interface-update', ...each })));
    this.#graph.onInSync();
  }

  async take(updates: readonly StoreUpdate[]): Promise<void> {
    for (const update of updates) feed(this.#graph, update);
    this.#backlog.add(this.#graph.flush().intents);
    await this.#applyPiece(Infinity);
  }

  /** As `take`, but only some small pieces of it; the rest is the next time's. */
  async takeSome(updates: readonly StoreUpdate[], pieces: number): Promise<void> {
    for (const update of updates) feed(this.#graph, update);
    this.#backlog.add(this.#graph.flush().intents);
    for (let piece = 0; piece < pieces; piece++) await this.#applyPiece(1);
  }

  async #applyPiece(size: number): Promise<void> {
    this.#driver.update(this.#backlog.take(size));
    await this.#driver.apply();
  }

  /** Chains with their rules, sets with their elements, in the order of names. */
  describe(): readonly string[] {
    if (this.#filter !== 'nftables') return this.#describeIptables();
    const lines = this.#lab.nft('-s', 'list', 'ruleset').join(' ');
    const objects = lines.matchAll(/(?:chain|set|map) (\S+) \{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}/g);
    return [...objects]
      .map(([, name = '', body = '']) => `${name} ${body.replace(/elements = \{([^}]*)\}/, sortedElements).trim()}`)
      .sort();
  }

  #describeIptables(): readonly string[] {
    const tables = ['iptables', 'ip6tables'].flatMap((program) =>
      runIn(this.#lab.netns, `${program}-${this.#filter.replace('iptables-', '')}-save`)
        .replaceAll(/^#.*$|\[\d+:\d+\]/gm, '')
        .split('\n')
        // The order of rules counts within a chain only, where hashes of those before are part of each.
        .map((line) => `${program} ${line}`),
    );
    const sets = runIn(this.#lab.netns, 'ipset', 'save').replaceAll(/initval \S+|hashsize \S+/g, '');
    return [...tables, ...sets.split('\n')].sort();
  }

  [Symbol.dispose](): void {
    this.#driver.close();
    this.#lab[Symbol.dispose]();
  }
}

function sortedElements(_: string, elements: string): string {
  const each = elements.split(',').map((element) => element.trim());
  return `elements = {${each.sort().join(', ')}}`;
}

test.for(Object.keys(drivers))(
  'the end state of %s does not depend on the order and grouping of updates',
  { timeout: 60_000 },
  async (filter) => {
    await fc.assert(
      fc.asyncProperty(worlds, worlds, fc.infiniteStream(fc.double({ noNaN: true })), async (other, world, random) => {
        using straight = new Node(filter);
        using detour = new Node(filter);
        const updates = updatesOf(world);
        await straight.take(updates);

        // Through another world, one update at a time, in another order, piece by piece, and back.
        const before = updatesOf(other);
        await detour.take(before);
        const kept = new Set(updates.map(({ key }) => key));
        const gone = before.filter(({ key }) => !kept.has(key)).map((update) => ({ ...update, value: undefined }));
        const ranked = [...updates, ...gone].map((update) => ({ update, rank: random.next().value as number }));
        for (const { update } of ranked.sort((a, b) => a.rank - b.rank)) await detour.takeSome([update], 1);
        await detour.take([]);

        // Static chains, failsafe ports and sets of both families at least.
        expect(straight.describe().length).toBeGreaterThan(50);
        expect(detour.describe()).toEqual(straight.describe());
      }),
      { numRuns },
    );
  },
);
