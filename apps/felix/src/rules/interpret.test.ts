import { parseIp } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import { chain, dispatchMap, hook, rule } from './build.ts';
import { interpret, InterpretError, type Packet, type PacketWorld } from './interpret.ts';
import { accept, drop, goTo, jump, matchMarked, matchPorts, returnToCaller, setMarks } from './matches.ts';
import type { Chain, Rule, Ruleset } from './model.ts';

const world: PacketWorld = { inSet: () => false, inPortSet: () => false, isLocal: () => false };
const packet: Packet = {
  family: 4,
  source: parseIp('10.0.0.1'),
  destination: parseIp('10.0.0.2'),
  protocol: 6,
  sourcePort: 1024,
  destinationPort: 80,
  inInterface: 'cali1',
  conntrackState: 'new',
};

function run(rules: readonly Rule[], chains: readonly Chain[] = [], more: Partial<Ruleset> = {}) {
  const ruleset: Ruleset = { family: 4, hooks: [hook('filter', 'forward', rules)], chains, dispatchMaps: [], ...more };
  return interpret(ruleset, ['forward'], packet, world);
}

describe('the walk', () => {
  test('accepts what no rule speaks of', () => {
    expect(run([]).verdict).toBe('accept');
  });

  test('comes back from a jump', () => {
    const chains = [
      chain('filter', 'c', [rule([], setMarks(1)), rule([matchMarked(1)], returnToCaller), rule([], drop)]),
    ];
    expect(run([rule([], jump('c')), rule([], setMarks(2))], chains)).toMatchObject({ verdict: 'accept', mark: 3 });
  });

  test('does not come back from a goto to the chain that made it', () => {
    const chains = [
      chain('filter', 'outer', [rule([], goTo('inner')), rule([], drop)]),
      chain('filter', 'inner', [rule([], setMarks(1))]),
    ];
    expect(run([rule([], jump('outer')), rule([], setMarks(2))], chains)).toMatchObject({ verdict: 'accept', mark: 3 });
  });

  test('falls through a dispatch without an entry', () => {
    const chains = [chain('filter', 'c', [rule([], accept)])];
    const entry = (interfaceName: string) => ({
      dispatchMaps: [dispatchMap('filter', 'm', 'in-interface', [{ interfaceName, chain: 'c' }])],
    });
    const rules = [rule([], { kind: 'dispatch', map: 'm' }), rule([], drop)];
    expect(run(rules, chains, entry('cali1')).verdict).toBe('accept');
    expect(run(rules, chains, entry('cali11')).verdict).toBe('drop');
  });

  test('accept ends its layer only', () => {
    const hooks = [hook('raw', 'prerouting', [rule([], accept)]), hook('filter', 'forward', [rule([], drop)])];
    const ruleset: Ruleset = { family: 4, hooks, chains: [], dispatchMaps: [] };
    expect(interpret(ruleset, ['prerouting', 'forward'], packet, world).verdict).toBe('drop');
  });
});

describe('a ruleset that the kernel would refuse', () => {
  test('is refused: missing chains, loops, ports without a protocol', () => {
    expect(() => run([rule([], jump('nowhere'))])).toThrow(InterpretError);
    expect(() => run([rule([], jump('c'))], [chain('filter', 'c', [rule([], jump('c'))])])).toThrow(InterpretError);
    const icmp: Packet = { ...packet, protocol: 1, icmpType: 8, icmpCode: 0 };
    const { sourcePort: _sourcePort, destinationPort: _destinationPort, ...portless } = icmp;
    const rules = [rule([matchPorts('destination', [{ first: 80, last: 80 }])], drop)];
    const ruleset: Ruleset = { family: 4, hooks: [hook('filter', 'forward', rules)], chains: [], dispatchMaps: [] };
    expect(() => interpret(ruleset, ['forward'], portless, world)).toThrow(InterpretError);
  });
});
