import { expect, test } from 'vitest';
import { renderHostChains } from './host-chains.ts';
import { defaultRuleOptions } from './options.ts';
import { showChain } from './testing/show.ts';

const noTiers = { tiers: [], forwardTiers: [], untrackedTiers: [], preDnatTiers: [] };
const endpoint = { name: 'h', revision: 1n, interfaceName: 'eth0', expectedIps: [], profiles: ['p'], ...noTiers };

test('what a host endpoint allows in mangle comes to the rules of others behind ours, known connections too', () => {
  const chains = renderHostChains({ interfaceName: 'eth0', endpoint }, defaultRuleOptions);
  const mangled = chains.find(({ layer, name }) => layer === 'mangle' && name === 'cali-th-eth0');
  expect(mangled === undefined ? '' : showChain(mangled)).toBe(`mangle cali-th-eth0
  conntrack-state(["established","related"]) => set-mark(0x10000 0x10000)
  conntrack-state(["established","related"]) => return
  conntrack-state(["invalid"]) => drop
  => jump(cali-failsafe-out)
  => set-mark(0x30000 0)
  => jump(cali-pro-p)
  mark(0x10000 0x10000) => return # Return if profile accepted
  => drop # Drop if no profiles matched`);
});
