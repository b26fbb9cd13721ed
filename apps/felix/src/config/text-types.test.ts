import { describe, expect, test } from 'vitest';
import { durations, durationsOf, interfacePatterns, interfacePatternsOf, switches, switchesOf } from './text-types.ts';

describe('interfacePatterns', () => {
  test.each([
    ['kube-ipvs0', ['kube-ipvs0'], ['kube-ipvs01', 'a-kube-ipvs0']],
    ['docker+, br-1', ['docker', 'docker0', 'br-1'], ['br-12']],
    ['/^(a|b),?[0-9]{1,2}$/,eth0.1', ['a1', 'b,12', 'eth0.1'], ['c1', 'eth0x1']],
    ['', [], ['eth0', '']],
  ])('%s', (text, matched, others) => {
    const patterns = interfacePatternsOf(text);
    const isMatched = (name: string) => patterns.some((pattern) => pattern.test(name));
    expect(matched.filter((name) => !isMatched(name))).toEqual([]);
    expect(others.filter(isMatched)).toEqual([]);
  });

  test.each(['/[/', 'eth0,,eth1', 'a-name-that-is-too-long'])('refuses %s', (text) => {
    expect(interfacePatterns.parse(text)).toBeUndefined();
  });
});

describe('durations', () => {
  test('reads Go’s durations by name', () => {
    expect(durationsOf('A=1m30s, b=500ms')).toEqual(
      new Map([
        ['a', 90],
        ['b', 0.5],
      ]),
    );
  });

  test.each(['a', 'a=5', 'a=-1s', '=1s'])('refuses %s', (text) => {
    expect(durations.parse(text)).toBeUndefined();
  });
});

test('switches turn features on and off, and leave the others', () => {
  expect(switchesOf('A=true, B=false,C=')).toEqual(
    new Map([
      ['A', true],
      ['B', false],
    ]),
  );
  expect(switches.parse('A=true,B=maybe')).toBeUndefined();
});
