import { parseCidr } from '@calico-node/net';
import { describe, expect, it } from 'vitest';
import type { IpSetId } from '../../calc/ip-set.ts';
import { chain, rule } from '../../rules/build.ts';
import { accept, drop, matchNet, matchPorts, matchProtocol, matchSet } from '../../rules/matches.ts';
import type { Match, Rule } from '../../rules/model.ts';
import { expectedFingerprint, fingerprintOf, planChain, planRefusal, type ChainContext } from './render-chain.ts';
import { mergeRanges } from './render-match.ts';

const set = 's:abc' as IpSetId;

function context(...parts: [string, ...string[]]): ChainContext {
  return { family: 4, setParts: () => parts, dispatchKey: () => 'in-interface' };
}

const planOf = (rules: readonly Rule[], over = context('hosts')) => planChain(chain('filter', 'cali-x', rules), over);

const lookups = (matches: readonly Match[], action: Rule['action'], over: ChainContext) =>
  planOf([rule(matches, action)], over).rules.map(({ expressions }) =>
    expressions.flatMap((expression) =>
      expression.type === 'lookup' && typeof expression.set === 'string'
        ? [`${expression.inverted ? '!' : ''}${expression.set}`]
        : [],
    ),
  );

describe('planChain', () => {
  it('tries each part of a set in a rule of its own, and all parts in one rule when negated', () => {
    const over = context('hosts', 'nets');
    expect(lookups([matchSet('source', set)], drop, over)).toEqual([['hosts'], ['nets']]);
    expect(lookups([matchSet('source', set, true)], drop, over)).toEqual([['!hosts', '!nets']]);
    expect(lookups([matchSet('source', set), matchSet('destination', set)], drop, over)).toEqual([
      ['hosts', 'hosts'],
      ['hosts', 'nets'],
      ['nets', 'hosts'],
      ['nets', 'nets'],
    ]);
  });

  it.each([
    ['x'.repeat(125), 127],
    ['x'.repeat(200), 127],
    [`x${'é'.repeat(100)}`, 127],
    ['é'.repeat(100), 126],
  ])('cuts what a log says where the kernel would refuse it: %s', (prefix, bytes) => {
    const { rules } = planOf([rule([], { kind: 'log', prefix })]);
    const [log] = rules.flatMap(({ expressions }) => expressions).filter(({ type }) => type === 'log');
    const said = log?.type === 'log' ? log.prefix : '';
    expect(Buffer.from(said)).toHaveLength(bytes);
    expect(`${prefix}: `.startsWith(said)).toBe(true);
  });

  it('logs a packet once though both parts of a set hold it', () => {
    const log = { kind: 'log', prefix: 'x' } as const;
    expect(lookups([matchSet('source', set)], log, context('hosts', 'nets'))).toEqual([['hosts'], ['!hosts', 'nets']]);
  });

  it('leaves out a rule that no packet can meet', () => {
    const everything = parseCidr('0.0.0.0/0');
    expect(planOf([rule([matchNet('source', everything, true)], accept)]).rules).toEqual([]);
    expect(planOf([rule([matchNet('source', everything)], accept)]).rules).toHaveLength(1);
  });

  it('gives the comment room behind the tag that the kernel keeps for us', () => {
    const plan = planOf([rule([], accept, 'why'), rule([], drop)]);
    expect(plan.rules.map(({ comment }) => comment)).toEqual([
      `cali:${plan.fingerprint}.0; why`,
      `cali:${plan.fingerprint}.1`,
    ]);
  });

  it('keeps a comment in its line and its quotes, so that what nft lists can be loaded again', () => {
    const [{ comment } = {}] = planOf([rule([], accept, 'say "ü"\n} \\')]).rules;
    expect(comment).toMatch(/; say ___\_} _$/);
  });

  it('has a fingerprint that anything the kernel would see changes', () => {
    const tcp = matchProtocol(6);
    const variants = [
      planOf([rule([tcp], accept)]),
      planOf([rule([tcp], drop)]),
      planOf([rule([tcp], accept, 'a comment')]),
      planOf([rule([tcp], accept), rule([], drop)]),
      planOf([
        rule(
          [
            tcp,
            matchPorts('destination', [
              { first: 80, last: 80 },
              { first: 90, last: 91 },
            ]),
          ],
          accept,
        ),
      ]),
      planOf([
        rule(
          [
            tcp,
            matchPorts('destination', [
              { first: 80, last: 80 },
              { first: 90, last: 92 },
            ]),
          ],
          accept,
        ),
      ]),
      planOf([rule([matchSet('source', set)], accept)], context('hosts')),
      planOf([rule([matchSet('source', set)], accept)], context('nets')),
      planOf([rule([matchSet('source', set)], accept)], context('hosts', 'nets')),
    ];
    expect(new Set(variants.map(({ fingerprint }) => fingerprint)).size).toBe(variants.length);
    expect(planOf([rule([tcp], accept)]).fingerprint).toBe(variants[0]!.fingerprint);
    expect(planRefusal(variants[0]!).fingerprint).not.toBe(variants[0]!.fingerprint);
  });
});

describe('fingerprintOf', () => {
  const plan = planOf([rule([], accept, 'why'), rule([], drop)]);
  const comments = plan.rules.map(({ comment }) => comment);

  it('knows a chain of ours by its comments', () => {
    expect(fingerprintOf(comments)).toBe(expectedFingerprint(plan));
  });

  it.each([
    ['a rule is missing', comments.slice(0, 1)],
    ['a rule is foreign', [comments[0], undefined]],
    ['rules changed places', [comments[1], comments[0]]],
    ['a rule was put in front', [undefined, ...comments]],
    ['a rule was put behind', [...comments, 'foreign']],
    ['there are none', []],
  ])('does not when %s', (_, altered) => {
    expect(fingerprintOf(altered)).not.toBe(expectedFingerprint(plan));
  });
});

describe('mergeRanges', () => {
  it('leaves disjoint ranges that do not touch', () => {
    const ranges = [
      { first: 90, last: 100 },
      { first: 80, last: 80 },
      { first: 81, last: 85 },
      { first: 95, last: 110 },
    ];
    expect(mergeRanges(ranges)).toEqual([
      { first: 80, last: 85 },
      { first: 90, last: 110 },
    ]);
  });
});
