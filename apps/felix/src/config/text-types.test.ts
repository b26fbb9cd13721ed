import { describe, expect, test } from 'vitest';
import {
  cidrList,
  durations,
  durationsOf,
  endpoints,
  interfacePatterns,
  interfacePatternsOf,
  lowestTable,
  switches,
  switchesOf,
  tableRanges,
} from './text-types.ts';

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

test('nothing between two commas of a list is no item', () => {
  expect(endpoints.parse(',http://a:1, http://b:2/,,')).toBe('http://a:1,http://b:2/');
  expect(switches.parse(' A=true,  B=false ,,')).toBe('A=true,B=false');
  expect(cidrList.parse('192.0.2.7/24, 198.51.100.1,')).toEqual(['192.0.2.0/24', '198.51.100.1/32']);
  expect(cidrList.parse('192.0.2.7/33')).toBeUndefined();
});

describe('route tables', () => {
  test.each([
    ['1-65535', '1-65535'],
    ['1-5 7-9', '1-5 7-9'],
    ['1-65535,99999-99999', undefined],
    ['1-5;7-9', undefined],
  ])('%s', (text, read) => {
    expect(tableRanges.parse(text)).toBe(read);
  });

  test.each([
    ['20-30, 5-9', 5],
    ['254-300', 256],
    ['254-255,1000-1001', 1000],
    ['253-255', undefined],
  ])('of %s the lowest is %s, the kernel’s own left out', (ranges, table) => {
    expect(lowestTable(ranges)).toBe(table);
  });
});
