import { parseCidr, parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { chain, hook, rule } from './build.ts';
import { interpret, type Packet } from './interpret.ts';
import { renderPolicyRules, renderVerdictChains } from './look-ups.ts';
import { jump } from './matches.ts';
import type { KeyPart } from './model.ts';
import { defaultRuleOptions, type RuleOptions } from './options.ts';
import { parsedRule } from './testing/parsed.ts';
import { showRule } from './testing/show.ts';

const options = { ...defaultRuleOptions, verdictMaps: true };
const nets = (...texts: readonly string[]) => texts.map((text) => parseCidr(text));
const port = (number: number) => ({ first: number, last: number });

/** Look-ups as lines, other rules as they are shown. */
function render(rules: readonly ParsedRule[], family: 4 | 6 = 4): readonly string[] {
  return renderPolicyRules(rules, family, options, 'filter').flatMap((each) => {
    if (each.action.kind !== 'look-up') return [showRule(each)];
    return each.action.entries.map(({ parts, verdict }) => {
      const target = verdict.kind === 'drop' ? 'drop' : verdict.chain;
      return `${parts.map(showPart).join(' . ')} : ${target}`;
    });
  });
}

function showPart(part: KeyPart): string {
  if (part.kind === 'protocol') return String(part.protocol);
  return part.kind === 'net' ? part.cidr : `${part.first}-${part.last}`;
}

const web = (action: ParsedRule['action'], net: string, ports = [port(80)]) =>
  parsedRule(action, { protocol: 6, source: { nets: nets(net) }, destination: { ports } });

test('rules of the same fields are one look-up, with what each decides', () => {
  const rules = [
    web('allow', '10.0.0.1/32'),
    web('deny', '10.0.0.2/32'),
    web('pass', '10.0.0.3/32'),
    web('allow', '10.0.1.0/24', [port(80), port(443)]),
  ];
  expect(render(rules)).toEqual([
    '6 . 10.0.0.1/32 . 80-80 : cali-set-accept',
    '6 . 10.0.0.2/32 . 80-80 : drop',
    '6 . 10.0.0.3/32 . 80-80 : cali-set-pass',
    '6 . 10.0.1.0/24 . 80-80 : cali-set-accept',
    '6 . 10.0.1.0/24 . 443-443 : cali-set-accept',
  ]);
});

test('what an earlier rule takes whole is left out, what it takes in part is asked for later', () => {
  const hosts = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32', '10.0.1.0/24'].map((net) => web('deny', net));
  expect(render([...hosts, web('allow', '10.0.0.2/32'), web('allow', '10.0.1.7/32')])).toHaveLength(4);
  expect(render([...hosts, web('allow', '10.0.0.0/8')])).toEqual([
    ...render(hosts),
    'protocol(6) net(source 10.0.0.0/8) ports(destination [{"first":80,"last":80}]) => set-mark(0x10000 0x10000)',
    'mark(0x10000 0x10000) => return',
  ]);
});

test('refused networks and ports are cut out', () => {
  const udp = parsedRule('deny', {
    protocol: 17,
    source: { nets: nets('10.0.0.0/30'), notNets: nets('10.0.0.1/32') },
    destination: { notPorts: [{ first: 100, last: 200 }] },
  });
  expect(render([udp])).toEqual([
    '17 . 10.0.0.2/31 . 0-99 : drop',
    '17 . 10.0.0.2/31 . 201-65535 : drop',
    '17 . 10.0.0.0/32 . 0-99 : drop',
    '17 . 10.0.0.0/32 . 201-65535 : drop',
  ]);
});

test('log rules, and rules that ask for IP sets, stand between look-ups', () => {
  const four = ['10.0.0.1/32', '10.0.0.2/32', '10.0.0.3/32', '10.0.0.4/32'].map((net) => web('deny', net));
  expect(render([...four, parsedRule('log'), ...four])).toEqual([
    ...render(four),
    '=> log(calico-packet)',
    ...render(four),
  ]);
});

test('a few entries stay rules, and rules of the other family are none', () => {
  expect(render([web('deny', '10.0.0.1/32')])).toEqual([
    'protocol(6) net(source 10.0.0.1/32) ports(destination [{"first":80,"last":80}]) => drop',
  ]);
  expect(render([web('deny', '10.0.0.1/32')], 6)).toEqual([]);
});

test('a packet fares as it does under the rules, whatever overlaps', () => {
  const network = fc.constantFrom('10.0.0.1/32', '10.0.0.2/32', '10.0.0.0/30', '10.0.0.0/8', '10.0.1.0/24');
  const list = (maxLength: number) => fc.uniqueArray(network, { maxLength }).map((texts) => nets(...texts));
  const range = fc.constantFrom(port(80), port(443), { first: 1, last: 100 }, { first: 80, last: 90 });
  const ruleWith = fc
    .record({
      action: fc.constantFrom('allow' as const, 'deny' as const, 'pass' as const),
      nets: list(2),
      notNets: list(1),
      ports: fc.array(range, { minLength: 1, maxLength: 2 }),
      notPorts: fc.array(range, { maxLength: 1 }),
    })
    .map(({ action, ports, notPorts, ...source }) =>
      parsedRule(action, { protocol: 6, source, destination: { ports, notPorts } }),
    );
  const packet = fc
    .record({ host: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.9', '10.9.9.9', '11.0.0.1'), to: range })
    .map(({ host, to }): Packet => ({
      family: 4,
      source: parseIp(host),
      destination: parseIp('10.2.0.1'),
      protocol: 6,
      sourcePort: 1,
      destinationPort: to.last,
      conntrackState: 'new',
    }));
  const run = (rules: readonly ParsedRule[], by: RuleOptions, each: Packet) => {
    const chains = [chain('filter', 'policy', renderPolicyRules(rules, 4, by, 'filter')), ...renderVerdictChains(by)];
    const hooks = [hook('filter', 'forward', [rule([], jump('policy'))])];
    const { verdict, mark } = interpret({ family: 4, hooks, chains, dispatchMaps: [] }, ['forward'], each, noSets);
    const { accept, pass } = options.marks;
    return [verdict, verdict === 'drop' ? 0 : mark & (accept | pass)];
  };
  fc.assert(
    fc.property(fc.array(ruleWith, { maxLength: 8 }), fc.array(packet, { minLength: 5 }), (rules, several) => {
      for (const each of several) expect(run(rules, options, each)).toEqual(run(rules, defaultRuleOptions, each));
    }),
    { numRuns: 500 },
  );
});

const noSets = { inSet: () => false, inPortSet: () => false, isLocal: () => false };
