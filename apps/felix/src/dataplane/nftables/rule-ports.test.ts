import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { IpSetId } from '../../calc/ip-set.ts';
import { rule } from '../../rules/build.ts';
import { accept, matchPorts, matchProtocol, matchSet } from '../../rules/matches.ts';
import type { Match } from '../../rules/model.ts';
import { KernelSetState } from './kernel-set.ts';
import { rulePortMember, rulePorts } from './rule-ports.ts';

const set = 's:abc' as IpSetId;
const tcp = matchProtocol(6);
const ports = (...numbers: readonly number[]): Match =>
  matchPorts(
    'destination',
    numbers.map((port) => ({ first: port, last: port })),
  );

const split = (matches: readonly Match[], chain = 'chain', index = 0) => rulePorts(rule(matches, accept), chain, index);

test('a rule that asks for an IP set has its ports in the set, by a number that no other rule has', () => {
  const matches = [tcp, matchSet('source', set), ports(80, 443)];
  const found = split(matches);
  expect(found?.rule.matches).toEqual([matchSet('source', set)]);
  const numbers = [found, split(matches, 'chain', 1), split(matches, 'other')].map(
    (each) => each?.members.map((member) => member.split(':', 1)[0]) ?? [],
  );
  expect(found?.members).toEqual([`${numbers[0]?.[0]}:6:80`, `${numbers[0]?.[0]}:6:443`]);
  expect(new Set(numbers.flat()).size).toBe(3);
});

test('other ports leave the rule as it is', () => {
  const [one, other] = [ports(80), ports(81)].map((each) => split([tcp, matchSet('source', set), each]));
  expect(one?.expressions).toEqual(other?.expressions);
  expect(one?.rule).toEqual(other?.rule);
});

test.each<[string, readonly Match[]]>([
  ['no IP set', [tcp, ports(80)]],
  ['addresses that are not in an IP set', [tcp, matchSet('source', set, true), ports(80)]],
  ['no protocol', [matchSet('source', set), ports(80)]],
  ['any other protocol', [matchProtocol(6, true), matchSet('source', set), ports(80)]],
  ['other ports than these', [tcp, matchSet('source', set), matchPorts('destination', [{ first: 1, last: 1 }], true)]],
  ['ports from one to another', [tcp, matchSet('source', set), matchPorts('destination', [{ first: 1, last: 2 }])]],
  ['source ports', [tcp, matchSet('source', set), matchPorts('source', [{ first: 1, last: 1 }])]],
  ['ports of both sides', [tcp, matchSet('source', set), ports(80), matchPorts('source', [{ first: 1, last: 1 }])]],
])('a rule that asks for %s is left as it is', (_, matches) => {
  expect(split(matches)).toBeUndefined();
});

test('the kernel’s elements read as they were written', () => {
  const member = fc
    .tuple(fc.uint8Array({ minLength: 8, maxLength: 8 }), fc.nat(255), fc.nat(65_535))
    .map(([number, protocol, port]) => rulePortMember(number, protocol, port));
  fc.assert(
    fc.property(fc.uniqueArray(member), (members) => {
      const state = new KernelSetState('ports', 'rule-ports', 4);
      for (const each of members) state.members.set(each, '');
      state.takeActual(state.encode(members.map((each) => [each, ''])));
      expect(state.members.pending()).toEqual({ removals: [], additions: [] });
    }),
  );
});
