import { parseCidr } from '@calico-node/net';
import { describe, expect, test } from 'vitest';
import type { IpSetId } from '../calc/ip-set.ts';
import { defaultRuleOptions } from './options.ts';
import { renderPolicyRule } from './policy-rules.ts';
import { parsedRule } from './testing/parsed.ts';
import { showRule } from './testing/show.ts';

const render = (rule: ReturnType<typeof parsedRule>, family: 4 | 6 = 4, options = defaultRuleOptions) =>
  renderPolicyRule(rule, family, options).map(showRule);
const nets = (...texts: readonly string[]) => texts.map((text) => parseCidr(text));
const set = (id: string) => id as IpSetId;

describe('actions', () => {
  test('allow and pass mark and return, deny drops, log logs and goes on', () => {
    expect(render(parsedRule('allow'))).toEqual(['=> set-mark(0x10000 0x10000)', 'mark(0x10000 0x10000) => return']);
    expect(render(parsedRule('pass'))).toEqual(['=> set-mark(0x20000 0x20000)', 'mark(0x20000 0x20000) => return']);
    expect(render(parsedRule('deny'))).toEqual(['=> drop']);
    expect(render(parsedRule('log'))).toEqual(['=> log(calico-packet)']);
  });

  test('what tells of flows marks what it denies, tells, and drops it then', () => {
    const told = (rule: ReturnType<typeof parsedRule>) =>
      renderPolicyRule(rule, 4, defaultRuleOptions, 'filter', { kind: 'flow-log', group: 1, prefix: 'p' }).map(
        showRule,
      );
    expect(told(parsedRule('deny'))).toEqual([
      '=> set-mark(0x40000 0x40000)',
      'mark(0x40000 0x40000) => flow-log(1 p)',
      'mark(0x40000 0x40000) => drop',
    ]);
    expect(told(parsedRule('allow'))[1]).toBe('mark(0x10000 0x10000) => flow-log(1 p)');
    expect(told(parsedRule('log'))).toEqual(['=> log(calico-packet)']);
  });

  test('deny rejects when so configured', () => {
    expect(render(parsedRule('deny'), 4, { ...defaultRuleOptions, filterDenyAction: 'REJECT' })).toEqual(['=> reject']);
  });
});

describe('matches', () => {
  test('one of each are a conjunction, protocol first', () => {
    const rule = parsedRule('deny', {
      protocol: 6,
      notProtocol: 17,
      source: { nets: nets('10.0.0.0/8'), sets: [set('s:a')], notSets: [set('s:b')] },
      destination: {
        ports: [{ first: 80, last: 80 }],
        notNets: nets('10.1.0.0/16'),
        notPorts: [{ first: 1, last: 9 }],
      },
    });
    expect(render(rule)).toEqual([
      'protocol(6) net(source 10.0.0.0/8) set(source s:a) ports(destination [{"first":80,"last":80}]) !protocol(17) !set(source s:b) ' +
        '!net(destination 10.1.0.0/16) !ports(destination [{"first":1,"last":9}]) => drop',
    ]);
  });

  test('alternatives are worked out in scratch bits', () => {
    const rule = parsedRule('deny', {
      protocol: 6,
      source: { nets: nets('10.0.0.0/8', '11.0.0.0/8') },
      destination: {
        ports: [{ first: 80, last: 80 }],
        namedPorts: [set('n:a')],
        notNets: nets('12.0.0.0/8', '13.0.0.0/8'),
      },
    });
    expect(render(rule)).toEqual([
      '=> set-mark(0x80000 0)',
      'net(source 10.0.0.0/8) => set-mark(0x80000 0x80000)',
      'net(source 11.0.0.0/8) => set-mark(0x80000 0x80000)',
      '=> set-mark(0x100000 0)',
      'protocol(6) ports(destination [{"first":80,"last":80}]) => set-mark(0x100000 0x100000)',
      'protocol(6) port-set(destination n:a) => set-mark(0x100000 0x100000)',
      'mark(0x100000 0) => set-mark(0x80000 0)',
      'net(destination 12.0.0.0/8) => set-mark(0x80000 0)',
      'net(destination 13.0.0.0/8) => set-mark(0x80000 0)',
      'mark(0x80000 0x80000) protocol(6) => drop',
    ]);
  });

  test('more ports than one match has slots for are split', () => {
    const ports = Array.from({ length: 16 }, (_, index) => ({ first: 2 * index + 1, last: 2 * index + 1 }));
    expect(render(parsedRule('deny', { protocol: 6, destination: { ports } }))).toHaveLength(4);
    const ranges = Array.from({ length: 8 }, (_, index) => ({ first: 10 * index + 1, last: 10 * index + 5 }));
    expect(render(parsedRule('deny', { protocol: 6, destination: { ports: ranges } }))).toHaveLength(4);
    expect(render(parsedRule('deny', { protocol: 6, destination: { notPorts: ranges } }))).toHaveLength(1);
  });
});

describe('families', () => {
  test('a rule that names networks of the other family only is left out', () => {
    expect(render(parsedRule('allow', { source: { nets: nets('fd00::/8') } }))).toEqual([]);
    expect(render(parsedRule('allow', { destination: { notNets: nets('fd00::/8') } }))).toEqual([]);
    expect(render(parsedRule('allow', { ipVersion: 6 }))).toEqual([]);
  });

  test('networks of the other family are left out of a mixed list', () => {
    const rule = parsedRule('deny', { source: { nets: nets('fd00::/8', '10.0.0.0/8') } });
    expect(render(rule)).toEqual(['net(source 10.0.0.0/8) => drop']);
    expect(render(rule, 6)).toEqual(['net(source fd00::/8) => drop']);
  });

  test('ICMP types are those of the family', () => {
    const rule = parsedRule('deny', { protocol: 58, icmp: { type: 128, code: 0 } });
    expect(render(rule)).toEqual([]);
    expect(render(rule, 6)).toEqual(['protocol(58) icmp(128 0) => drop']);
  });

  test('refused ICMP types without a protocol let through what is not ICMP', () => {
    expect(render(parsedRule('deny', { notIcmp: { type: 8 } }))).toEqual([
      '=> set-mark(0x80000 0x80000)',
      'protocol(1) icmp(8) => set-mark(0x80000 0)',
      'mark(0x80000 0x80000) => drop',
    ]);
  });
});
