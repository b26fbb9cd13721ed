import { expect, test } from 'vitest';
import { allocateMarks } from './marks.ts';
import { defaultRuleOptions, type RuleOptions } from './options.ts';
import { renderStaticChains } from './static-chains.ts';

const withWireguard: RuleOptions = {
  ...defaultRuleOptions,
  marks: allocateMarks(0xffff0000, true),
  wireguard: { 4: { interfaceName: 'wireguard.cali', port: 51820 } },
};
const commentsOf = (family: 4 | 6, options: RuleOptions): readonly string[] =>
  renderStaticChains(family, options).flatMap(({ rules }) =>
    rules.flatMap(({ comment }) => (comment?.includes('Wireguard') === true ? [comment] : [])),
  );
const markChain = (options: RuleOptions) =>
  renderStaticChains(4, options).find(({ name }) => name === 'cali-wireguard-incoming-mark');

test('lets WireGuard’s packets in and out for the family that has a device', () => {
  expect(commentsOf(4, withWireguard).toSorted()).toEqual([
    'Allow incoming IPv4 Wireguard packets',
    'Allow outgoing IPv4 Wireguard packets',
  ]);
  expect(commentsOf(6, withWireguard)).toEqual([]);
  expect(commentsOf(4, defaultRuleOptions)).toEqual([]);
});

test('marks what comes in past the device only where hosts’ own packets are encrypted', () => {
  expect(markChain(withWireguard)).toBeUndefined();
  const rules = markChain({ ...withWireguard, wireguardEncryptsHosts: true })?.rules ?? [];
  expect(
    rules.map(({ action, matches }) => [action.kind, ...matches.map((match) => 'name' in match && match.name)]),
  ).toEqual([['return', 'lo'], ['return', 'wireguard.cali'], ['return', 'cali'], ['set-mark']]);
  expect(rules.at(-1)?.action).toEqual({ kind: 'set-mark', mask: 0x200000, value: 0x200000 });
});
