import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configFromJson } from './config-json.ts';
import { checkOperatorFile } from './operator-file.ts';
import { parseConfig } from './parse-config.ts';

const base = { routerId: '10.0.0.1', localAs: 64512 };
const peer = { name: 'a', address: '10.0.0.2', remoteAs: 64513 };
const rule = { family: 4, action: 'FILTER_ACTION_ACCEPT' };

function check(file: unknown): void {
  checkOperatorFile(configFromJson(JSON.stringify(file)));
}

const ofNeighbor = (fields: object): unknown => ({ ...base, neighbors: [{ ...peer, ...fields }] });
const ofRule = (fields: object): unknown => ({ ...base, filters: [{ name: 'f', rules: [{ ...rule, ...fields }] }] });

describe('a file that somebody wrote', () => {
  it.each<readonly [string, unknown]>([
    ['the whole: must be an object', []],
    ['routerId: is missing', {}],
    ['localAs: is missing', { routerId: '10.0.0.1' }],
    ['localAs: must be at most 4294967295', { ...base, localAs: 2 ** 32 }],
    ['localAs: must be a whole number, not negative', { ...base, localAs: '64512' }],
    ['routerId: must be text', { ...base, routerId: 1 }],
    ['kernel.learn: must be true or false', { ...base, kernel: { learn: 'yes' } }],
    ['neigbors: there is no such field', { ...base, neigbors: [] }],
    ['toString: there is no such field', { ...base, toString: 1 }],
    ['neighbors: must be a list', { ...base, neighbors: {} }],
    ['neighbors[0].name: is missing', { ...base, neighbors: [{}] }],
    ['neighbors[0].address: is missing', { ...base, neighbors: [{ name: 'a' }] }],
    ['neighbors[0].remoteAs: is missing', ofNeighbor({ remoteAs: 0 })],
    ['neighbors[1].address: is that of neighbors[0] as well', { ...base, neighbors: [peer, { ...peer, name: 'b' }] }],
    ['dynamicNeighbors[0].prefix: is missing', { ...base, dynamicNeighbors: [{ template: { remoteAs: 1 } }] }],
    ['neighbors[0].holdSeconds: must be from 3 to 65535', ofNeighbor({ holdSeconds: 2 })],
    ['neighbors[0].keepaliveSeconds: must be less than holdSeconds', ofNeighbor({ keepaliveSeconds: 90 })],
    ["neighbors[0].importFilters[0]: there is no filter 'my_filter'", ofNeighbor({ importFilters: ['my_filter'] })],
    [
      'neighbors[0].nextHopMode: must be one of NEXT_HOP_MODE_SELF, NEXT_HOP_MODE_KEEP',
      ofNeighbor({ nextHopMode: 'x' }),
    ],
    ['neighbors[0].roleStrict: needs a role', ofNeighbor({ roleStrict: true })],
    [
      'neighbors[0].maxPrefixesAction: needs maxPrefixes',
      ofNeighbor({ maxPrefixesAction: 'PREFIX_LIMIT_ACTION_WARN' }),
    ],
    ['filters[0].rules[0].cidr: is not of family 4', ofRule({ cidr: 'fd00::/8', matchOperator: 'MATCH_OPERATOR_IN' })],
    ['filters[0].rules[0].matchOperator: is needed with a cidr', ofRule({ cidr: '10.0.0.0/8' })],
    ['filters[0].rules[0].matchOperator: needs a cidr', ofRule({ matchOperator: 'MATCH_OPERATOR_IN' })],
    ['filters[0].rules[0].minLength: needs a cidr', ofRule({ minLength: 8 })],
    [
      'filters[0].rules[0].maxLength: must be at most 32',
      ofRule({ cidr: '10.0.0.0/8', matchOperator: 'MATCH_OPERATOR_IN', maxLength: 33 }),
    ],
    [
      'filters[0].rules[0].maxLength: is less than minLength',
      ofRule({ cidr: '10.0.0.0/8', matchOperator: 'MATCH_OPERATOR_IN', minLength: 24, maxLength: 16 }),
    ],
    [
      'filters[0].rules[0].operations[0]: needs exactly one of addCommunity, prependAsPath and setPriority',
      ofRule({ operations: [{}] }),
    ],
    [
      'staticRoutes[1].prefix: is that of staticRoutes[0] as well',
      { ...base, staticRoutes: [{ prefix: '10.1.0.0/24' }, { prefix: '10.1.0.0/24' }] },
    ],
  ])('is refused with the place, by the names that it uses: %s', (message, file) => {
    expect(() => {
      check(file);
    }).toThrow(message);
  });

  it('names enumerations as they are defined, or short', () => {
    const read = (action: string): unknown =>
      configFromJson(JSON.stringify(ofRule({ action }))).filters[0]?.rules[0]?.action;
    expect([read('FILTER_ACTION_REJECT'), read('REJECT')]).toEqual([2, 2]);
  });

  it('is right where the documentation gives one', () => {
    const docs = readFileSync(new URL('../../../../docs/bgp.md', import.meta.url), 'utf8');
    const examples = [...docs.matchAll(/^```json\n([^]*?)^```/gm)].map(([, text = '']) => text);
    expect(examples.length).toBeGreaterThan(2);
    for (const example of examples) {
      const wire = configFromJson(example);
      checkOperatorFile(wire);
      expect(parseConfig(wire).neighbors.length).toBeGreaterThan(0);
    }
  });
});
