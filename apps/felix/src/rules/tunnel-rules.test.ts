import { expect, test } from 'vitest';
import { allocateMarks } from './marks.ts';
import { defaultRuleOptions, type RuleOptions } from './options.ts';
import { renderStaticChains } from './static-chains.ts';
import { showRule } from './testing/show.ts';

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

test('beside VXLAN, what is masqueraded into a tunnel gets no port that its answer would be taken for VXLAN by', () => {
  const options = { ...withWireguard, tunnels: { ipip: false, vxlan4: true, vxlan6: false } };
  const postrouting = (family: 4 | 6, more: Partial<RuleOptions> = {}): readonly string[] => {
    const chains = renderStaticChains(family, { ...options, ...more });
    const found = chains.find(({ layer, name }) => layer === 'nat' && name === 'cali-POSTROUTING');
    return (found?.rules ?? []).map(showRule).filter((text) => text.includes('masquerade'));
  };
  const isForeign = (device: string): string =>
    `interface(out ${device} false) !local-address(source out) local-address(source)`;
  expect(postrouting(4)).toEqual(
    ['vxlan.calico', 'wireguard.cali'].flatMap((device) => [
      `protocol(17) ${isForeign(device)} => masquerade(true {"first":4790,"last":65535})`,
      `${isForeign(device)} => masquerade(true)`,
    ]),
  );
  expect(postrouting(4, { vxlanPort: 60_000 })[0]).toContain('{"first":1024,"last":59999}');
  expect(postrouting(4, { tunnels: { ipip: true, vxlan4: false, vxlan6: false } })).toEqual(
    ['tunl0', 'wireguard.cali'].map((device) => `${isForeign(device)} => masquerade(true)`),
  );
  expect(postrouting(6)).toEqual([]);
});
