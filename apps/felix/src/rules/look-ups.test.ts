import { parseCidr } from '@calico-node/net';
import { expect, test } from 'vitest';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import { renderPolicyRules } from './look-ups.ts';
import type { KeyPart } from './model.ts';
import { defaultRuleOptions } from './options.ts';
import { parsedRule } from './testing/parsed.ts';
import { showRule } from './testing/show.ts';

const options = { ...defaultRuleOptions, verdictMaps: true };
const nets = (...texts: readonly string[]) => texts.map((text) => parseCidr(text));
const port = (number: number) => ({ first: number, last: number });

/** Look-ups as lines, other rules as they are shown. */
function render(rules: readonly ParsedRule[], family: 4 | 6 = 4): readonly string[] {
  return renderPolicyRules(rules, family, options, 'filter').flatMap((rule) => {
    if (rule.action.kind !== 'look-up') return [showRule(rule)];
    return rule.action.entries.map(({ parts, verdict }) => {
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
  const rule = parsedRule('deny', {
    protocol: 17,
    source: { nets: nets('10.0.0.0/30'), notNets: nets('10.0.0.1/32') },
    destination: { notPorts: [{ first: 100, last: 200 }] },
  });
  expect(render([rule])).toEqual([
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
