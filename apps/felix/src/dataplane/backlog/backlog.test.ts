import { parseNodeName } from '@calico-node/net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  endpoint,
  netSet,
  netSetDelta,
  policy,
  removeEndpoint,
  removePolicy,
  rule,
  setId,
  start,
} from '../../../test/support/intents.ts';
import { CalcGraph } from '../../calc/calc-graph.ts';
import type { Intent } from '../../calc/intents.ts';
import { IntentMirror } from '../../calc/testing/intent-mirror.ts';
import { worlds } from '../../rules/testing/random-world.ts';
import { feed, updatesOf } from '../../rules/testing/world-updates.ts';
import { Backlog } from './backlog.ts';

const hosts = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, index) => `10.0.${(from + index) >> 8}.${(from + index) & 255}/32`);

/** A backlog whose snapshot has been taken. */
function backlogAfter(...intents: readonly Intent[]): Backlog {
  const backlog = new Backlog();
  backlog.add([...start.slice(0, -1), ...intents, ...start.slice(-1)]);
  backlog.take(1);
  return backlog;
}

function bulk(count: number): readonly Intent[] {
  return Array.from({ length: count }, (_, index) => policy(`bulk-${index}`, [rule('allow')]));
}

/** What each is about, shortly. */
const names = (intents: readonly Intent[]): readonly string[] =>
  intents.map((intent) => {
    switch (intent.type) {
      case 'policy-update':
        return intent.policy.name;
      case 'ip-set-update':
        return `${intent.id} =${intent.members.length}`;
      case 'ip-set-delta':
        return `${intent.id} +${intent.added.length} -${intent.removed.length}`;
      case 'workload-endpoint-update':
        return intent.endpoint.interfaceName;
      case 'policy-remove':
      case 'ip-set-remove':
      case 'workload-endpoint-remove':
        return `no ${intent.id}`;
      default:
        return intent.type;
    }
  });

const fromSet = (name: string): Intent => policy(`from-${name}`, [rule('allow', { source: { sets: [setId(name)] } })]);

describe('a backlog', () => {
  it('gives the first snapshot as one piece, since what it does not hold is taken away', () => {
    const backlog = new Backlog();
    backlog.add([...start.slice(0, -1), ...bulk(50)]);
    backlog.add(start.slice(-1));
    expect(backlog.take(10)).toHaveLength(start.length + 50);
    expect(backlog.isEmpty).toBe(true);
  });

  it('gives bulk in pieces, and a new endpoint with what it needs ahead of what is left', () => {
    const backlog = backlogAfter();
    backlog.add(bulk(30));
    expect(names(backlog.take(10))).toEqual(names(bulk(30)).slice(0, 10));
    backlog.add([netSet('own', hosts(500)), fromSet('own'), endpoint('new', '10.65.0.1', ['from-own'])]);
    expect(names(backlog.take(10))).toEqual(['s:own =500', 'from-own', 'calinew']);
    expect(backlog.take(100)).toHaveLength(20);
    expect(backlog.isEmpty).toBe(true);
  });

  it('gives an endpoint that is gone at once', () => {
    const backlog = backlogAfter(endpoint('old', '10.65.0.1'));
    backlog.add(bulk(3));
    backlog.add([removeEndpoint('old')]);
    expect(names(backlog.take(1))).toEqual([expect.stringMatching(/^no .*old/)]);
  });

  it('gives endpoints whose record is as it was behind new policies, each with its policies of the same change', () => {
    const backlog = backlogAfter(policy('kept', [rule('deny')]), endpoint('a', '10.65.0.1', ['kept']));
    backlog.add([
      policy('added', [rule('deny')]),
      policy('kept', [rule('allow')]),
      endpoint('a', '10.65.0.1', ['added', 'kept']),
    ]);
    expect(names(backlog.take(1))).toEqual(['added']);
    expect(names(backlog.take(1))).toEqual(['kept', 'calia']);
    expect(backlog.isEmpty).toBe(true);
  });

  it('counts policies for the first endpoint that has them, and for the others hardly', () => {
    const withPolicies = (...policies: readonly string[]): readonly Intent[] =>
      Array.from({ length: 20 }, (_, index) => endpoint(`e${index}`, `10.65.1.${index}`, policies));
    const backlog = backlogAfter(...withPolicies());
    backlog.add([...bulk(20), ...withPolicies('bulk-0', 'bulk-1')]);
    // The policies; then two for the first endpoint, and for each the endpoint itself and its four groups.
    expect(backlog.take(20)).toHaveLength(20);
    expect(backlog.take(20)).toHaveLength(10);
    expect(backlog.take(20)).toHaveLength(10);
    expect(backlog.isEmpty).toBe(true);
  });

  it('cuts a set, those who look into it wait for all of it', () => {
    const backlog = backlogAfter();
    backlog.add([netSet('big', hosts(100)), fromSet('big')]);
    expect(names(backlog.take(1))).toEqual(['s:big =40']);
    backlog.add([netSetDelta('big', hosts(1, 200), hosts(1, 99))]);
    expect(names(backlog.take(1))).toEqual(['s:big +40 -0']);
    expect(names(backlog.take(10))).toEqual(['s:big +20 -0', 'from-big']);
  });

  it('adds members before it takes others away', () => {
    const backlog = backlogAfter(netSet('a', hosts(60)));
    backlog.add([netSetDelta('a', hosts(60, 60), hosts(60))]);
    expect(names(backlog.take(1))).toEqual(['s:a +40 -0']);
    expect(names(backlog.take(1))).toEqual(['s:a +20 -20']);
    expect(names(backlog.take(1))).toEqual(['s:a +0 -40']);
  });

  it("gives a new endpoint with what is pending of its policies' sets, though the policies are old", () => {
    const backlog = backlogAfter(netSet('a', hosts(1)), fromSet('a'));
    backlog.add([netSetDelta('a', hosts(100, 1), [])]);
    backlog.add([endpoint('new', '10.65.0.1', ['from-a'])]);
    expect(names(backlog.take(1))).toEqual(['s:a +100 -0', 'calinew']);
  });

  it('gives the newest alone, and nothing of what came and went', () => {
    const backlog = backlogAfter();
    backlog.add([policy('a', [rule('deny')]), policy('b', [rule('deny')])]);
    backlog.add([policy('a', [rule('allow')]), removePolicy('b')]);
    expect(backlog.take(10)).toEqual([policy('a', [rule('allow')])]);
    backlog.add([removePolicy('a')]);
    expect(backlog.take(10)).toEqual([removePolicy('a')]);
    expect(backlog.isEmpty).toBe(true);
  });

  it('gives all at once when a chain moves away from where endpoints may still jump to it', () => {
    const old = policy('a', [rule('allow')]);
    const backlog = backlogAfter(old, endpoint('a', '10.65.0.1', ['a']));
    backlog.add([{ ...old, stage: 'untracked' } as Intent, ...bulk(20), endpoint('a', '10.65.0.1')]);
    expect(backlog.take(1)).toHaveLength(22);
    expect(backlog.isEmpty).toBe(true);
  });
});

describe('whatever comes in whatever pieces', () => {
  const steps = fc.array(
    fc.record({ world: worlds, sizes: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 5 }) }),
    {
      minLength: 1,
      maxLength: 3,
    },
  );

  it('ends with what it ends with at once, and nothing refers to what is not there on the way', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const graph = new CalcGraph({ hostname: parseNodeName('node1') });
        graph.onInSync();
        const [atOnce, inPieces] = [new IntentMirror(), new IntentMirror({ replacesSets: true })];
        const backlog = new Backlog();
        const apply = (size: number): void => {
          inPieces.apply({ intents: backlog.take(size), revision: 0n, warnings: [] });
        };
        let kept: ReturnType<typeof updatesOf> = [];
        for (const { world, sizes } of history) {
          const updates = updatesOf(world);
          const keys = new Set(updates.map(({ key }) => key));
          const gone = kept.filter(({ key }) => !keys.has(key)).map((update) => ({ ...update, value: undefined }));
          kept = updates;
          for (const update of [...gone, ...updates]) {
            feed(graph, update);
            const batch = graph.flush();
            atOnce.apply(batch);
            backlog.add(batch.intents);
          }
          for (const size of sizes) apply(size);
        }
        while (!backlog.isEmpty) apply(1);
        expect(inPieces.describe()).toBe(atOnce.describe());
      }),
      { numRuns: 60 },
    );
  });
});
