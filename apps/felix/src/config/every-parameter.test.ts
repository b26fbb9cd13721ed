import { isDeepStrictEqual } from 'node:util';
import type { FelixConfiguration } from '@calico-node/model';
import { expect, test } from 'vitest';
import { defaultText, parameterNames, parameters, type Parameter, type ParameterName } from './parameters.ts';
import { resolveParameters } from './resolve.ts';
import { fromEnvironment, fromFile, fromResource } from './sources.ts';

/** Texts of all sorts: each type reads some of them, and all but plain text refuses some. */
const texts = [
  ...['true', 'false', '7', '8', '/x', 'x', '192.0.2.1', '192.0.2.2', 'fd00::1', 'fd00::2', '10/minute', '20/minute'],
  ...['66:00:00:00:00:01', '66:00:00:00:00:02', 'a=1s', 'a=2s', 'A=true', 'A=false', 'tcp:1', 'tcp:2', 'eth0', 'eth1'],
  ...['1000:2000', '3000:4000', '1-9', '10-19', 'h:1', 'h:2', 'http://h:1', 'http://h:2', '0xff000000', '0x00ff0000'],
  ...['AF11', 'AF12', 'a b', '=', '(', ':'],
];

function textsOf({ type, default: value }: Parameter<unknown>): {
  readonly good: readonly string[];
  readonly bad: string | undefined;
} {
  const words = type.allowed.startsWith('one of ') ? type.allowed.slice('one of '.length).split(', ') : [];
  const all = [...words, ...texts];
  const isAnother = (text: string): boolean => {
    const read = type.parse(text);
    return read !== undefined && !isDeepStrictEqual(read, value);
  };
  return { good: all.filter(isAnother), bad: all.find((text) => type.parse(text) === undefined) };
}

const resource = (name: string, spec: object): FelixConfiguration => ({
  kind: 'FelixConfiguration',
  apiVersion: 'projectcalico.org/v3',
  metadata: { name },
  spec,
});

/** A value as a resource has it: durations as Go writes them. */
function asField({ type }: Parameter<unknown>, text: string): string {
  return type.unit === undefined ? text : `${text}${type.unit === 'seconds' ? 's' : 'ms'}`;
}

const cases = parameterNames.map((name) => ({ name, known: parameters[name] }));

test.each(cases)(
  '$name is read from the environment, else the file, the node’s resource, the cluster’s',
  ({ name, known }) => {
    const { good } = textsOf(known);
    const [one = '', two = one] = good;
    expect(one).not.toBe('');
    const { field, type } = known;
    const valueIn = (...sources: Parameters<typeof resolveParameters>[0]) => {
      const { values, origins, problems } = resolveParameters(sources);
      expect(problems).toEqual([]);
      return { value: values[name] as unknown, from: origins.get(name) };
    };
    const environment = fromEnvironment({ [`FELIX_${name.toUpperCase()}`]: one });
    const file = fromFile('felix.cfg', `[global]\n${name.toLowerCase()} = ${two}\n`);
    const expected = type.parse(one);
    expect(valueIn(environment, file)).toEqual({ value: expected, from: 'the environment' });
    expect(valueIn(file)).toEqual({ value: type.parse(two), from: 'felix.cfg' });
    expect(valueIn(fromEnvironment({}), fromFile('felix.cfg', ''))).toEqual({ value: known.default, from: undefined });
    if (field === undefined) return;
    const node = fromResource(resource('node.n1', { [field]: asField(known, one) }));
    const cluster = fromResource(resource('default', { [field]: asField(known, two) }));
    expect(valueIn(node, cluster)).toEqual({ value: expected, from: 'FelixConfiguration node.n1' });
    expect(valueIn(cluster)).toEqual({ value: type.parse(two), from: 'FelixConfiguration default' });
    expect(valueIn(file, node, cluster)).toMatchObject({ from: 'felix.cfg' });
  },
);

const refusing = cases.flatMap(({ name, known }) => {
  const { bad } = textsOf(known);
  return bad === undefined ? [] : [{ name, known, bad }];
});

test.each(refusing)('$name refuses "$bad", and says what is allowed', ({ name, known, bad }) => {
  const { values, problems } = resolveParameters([fromEnvironment({ [`FELIX_${name}`]: bad })]);
  expect(values[name]).toEqual(known.default);
  const message = `it takes ${known.type.allowed}`;
  const fatal = known.fatal === true;
  expect(problems).toEqual([{ parameter: name, source: 'the environment', value: bad, message, fatal }]);
});

test('only plain text takes anything', () => {
  const refusingNames = new Set<ParameterName>(refusing.map(({ name }) => name));
  const others = cases.filter(({ name }) => !refusingNames.has(name)).map(({ known }) => known.type.allowed);
  expect(new Set(others)).toEqual(new Set(['text']));
});

test('none is no value, or is refused where there must be one', () => {
  for (const { name, known } of cases) {
    const { values, problems } = resolveParameters([fromFile('felix.cfg', `${name} = None`)]);
    expect(problems).toHaveLength(known.nonZero === true ? 1 : 0);
    expect(values[name]).toEqual(known.nonZero === true ? known.default : known.type.zero);
    expect(defaultText(name)).not.toBe('undefined');
  }
});
