import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { describeKind } from './kinds/describe-kind.ts';
import { kinds, type Kind } from './kinds/kind-names.ts';
import { definitionOf } from './kinds/registry.ts';
import { decodeResource, encodeResource, parseResource, resourceToJson } from './resource-codec.ts';
import type { Schema } from './schema/schema.ts';
import { isStruct } from './schema/struct.ts';
import { ValidationError } from './validation-error.ts';

/*
 * Whatever a user or the store holds, the parser answers with a resource or a ValidationError, soon.
 */

/** Text that is near to what fields hold: most of it is refused late, not at the first character. */
const text = fc.oneof(
  fc.constantFrom(
    '',
    'default',
    'all()',
    'global()',
    'has(a) && b == "c"',
    '10.0.0.0/8',
    'fd00::1/128',
    '192.0.2.1:179',
  ),
  fc.constantFrom(
    'Allow',
    'TCP',
    'Always',
    'Never',
    'Enabled',
    'Info',
    '1m30s',
    '1:2',
    '30000:32767',
    '64512',
    'eth*',
    '(',
  ),
  fc.constantFrom(
    '2026-01-02T03:04:05Z',
    'true',
    '__proto__',
    'knp.default.a',
    'a'.repeat(300),
    '\ud800',
    '66:00:00:00:00:01',
  ),
  fc.string({ maxLength: 20 }),
);
const scalar = fc.oneof(
  text,
  fc.boolean(),
  fc.constant(null),
  fc.integer({ min: -2, max: 70_000 }),
  fc.constantFrom(0, -0, 1, 4, 6, 26, 64512, 2 ** 32, 2 ** 53, 1.5, 1e21, 5e-324),
);

/** A value that fits a schema's shape more often than not. */
function shapedLike(schema: Schema<unknown>, depth = 0): fc.Arbitrary<unknown> {
  const fitting = fittingOf(schema, depth);
  return fc.oneof(
    { weight: 12, arbitrary: fitting },
    { weight: 1, arbitrary: depth > 3 ? scalar : fc.jsonValue({ maxDepth: 2 }) },
  );
}

function fittingOf(schema: Schema<unknown>, depth: number): fc.Arbitrary<unknown> {
  if (isStruct(schema)) {
    const members = Object.entries(schema.fields).map(
      ([name, field]) => [name, shapedLike(field.schema, depth + 1)] as const,
    );
    // Few of many fields at once, or most documents would be refused for their first one.
    return fc
      .subarray(members, { maxLength: Math.min(6, members.length) })
      .chain((chosen) => fc.record(Object.fromEntries(chosen)));
  }
  if (schema.member !== undefined) {
    const member = shapedLike(schema.member, depth + 1);
    return schema.typeName.startsWith('map')
      ? fc.dictionary(text, member, { maxKeys: 3 })
      : fc.array(member, { maxLength: 3 });
  }
  return schema.values === undefined ? scalar : fc.oneof(fc.constantFrom(...schema.values), text);
}

/** Runs a call that may throw ValidationError and nothing else. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error instanceof ValidationError) return undefined;
    throw error;
  }
}

describe.each(kinds)('%s', (kind) => {
  const spec = shapedLike(definitionOf(kind).schema.fields['spec']!.schema);
  const metadata = shapedLike(definitionOf(kind).schema.fields['metadata']!.schema);

  it('is parsed or refused whatever a document holds; what is parsed is stored and read the same', () => {
    const { example } = describeKind(kind);
    const valid = example as { spec: object; metadata: object };
    const document = fc.oneof(
      fc.record({ spec, metadata }),
      spec.map((part) => ({ ...valid, spec: typeof part === 'object' ? { ...valid.spec, ...part } : part })),
      metadata.map((part) => ({
        ...valid,
        metadata: typeof part === 'object' ? { ...valid.metadata, ...part } : part,
      })),
    );
    let parsed = 0;
    fc.assert(
      fc.property(document, fc.boolean(), (parts, strict) => {
        const resource = attempt(() =>
          parseResource({ ...parts, kind, apiVersion: 'projectcalico.org/v3' }, { strict }),
        );
        if (resource === undefined) return;
        parsed++;
        const stored = encodeResource(resource);
        const read = decodeResource(kind, stored, 5n);
        expect(encodeResource(read)).toBe(stored);
        expect(resourceToJson(parseResource(JSON.parse(resourceToJson(read))))).toBe(resourceToJson(read));
      }),
      { numRuns: 300 },
    );
    expect(parsed).toBeGreaterThan(0);
  });

  it('is read from any text or refused', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.record({ metadata, spec }).map((value) => JSON.stringify(value)),
        ),
        (stored) => {
          const read = attempt(() => decodeResource(kind, stored, 1n));
          if (read !== undefined) expect(attempt(() => encodeResource(read))).toBeDefined();
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('large input', () => {
  const MEGABYTE = 1_000_000;
  const nestedText = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  const example = (kind: Kind): { metadata: object; spec: object } => describeKind(kind).example as never;
  const withSpec = (kind: Kind, spec: object): unknown => ({
    ...example(kind),
    spec: { ...example(kind).spec, ...spec },
  });

  /** The fields of a kind whose type is, or holds, text: with the path to them. */
  const stringFields = (schema: Schema<unknown>, wrap: (value: unknown) => object): ((value: unknown) => object)[] => {
    if (isStruct(schema)) {
      return Object.entries(schema.fields).flatMap(([name, field]) =>
        stringFields(field.schema, (value) => wrap({ [name]: value })),
      );
    }
    if (schema.member !== undefined) {
      const isMap = schema.typeName.startsWith('map');
      return stringFields(schema.member, (value) => wrap(isMap ? { key: value } : [value]));
    }
    return [wrap];
  };

  it.each(kinds)('of a megabyte in any field of %s takes linear time', (kind) => {
    const fields = stringFields(definitionOf(kind).schema.fields['spec']!.schema, (value) => value as object);
    // Each ends in what fits no pattern, so that a pattern that backtracks does so as far as it can.
    const texts = ['a', ' ', '1', '.', '-', ':', 'a=', '1h', '(', 'a.', '0.', ',', 'a-', ':0'].map(
      (unit) => `${unit.repeat(20_000)}\u0000`,
    );
    for (const field of fields) {
      for (const value of texts) attempt(() => parseResource(withSpec(kind, field(value))));
    }
    const long = `${'a'.repeat(MEGABYTE)}!`;
    for (const field of fields.slice(0, 5)) attempt(() => parseResource(withSpec(kind, field(long))));
  });

  it('with 100000 rules, networks, ports or labels is refused with one complaint about their number', () => {
    const many = <T>(value: T): T[] => Array.from({ length: 100_000 }, () => value);
    const issuesOf = (spec: object): number => {
      try {
        parseResource(withSpec('GlobalNetworkPolicy', spec));
        return 0;
      } catch (error) {
        return error instanceof ValidationError ? error.issues.length : -1;
      }
    };
    expect(issuesOf({ ingress: many({ action: 'Allow' }) })).toBe(1);
    expect(issuesOf({ ingress: [{ action: 'Allow', source: { nets: many('10.0.0.0/8') } }] })).toBe(1);
    expect(issuesOf({ ingress: [{ action: 'Allow', protocol: 'TCP', source: { ports: many(80) } }] })).toBe(1);
    const nets = many('10.0.0.0/8');
    expect(attempt(() => parseResource(withSpec('GlobalNetworkSet', { nets })))?.kind).toBe('GlobalNetworkSet');
    const labels = Object.fromEntries(many(0).map((_, index) => [`l${index}`, '']));
    expect(
      attempt(() => parseResource({ ...example('GlobalNetworkSet'), metadata: { name: 'a', labels } })),
    ).toBeDefined();
  });

  it('that is nested deep is refused, wherever it stands', () => {
    const deepText = nestedText(5000);
    const deep: unknown = JSON.parse(deepText);
    expect(attempt(() => parseResource(deep))).toBeUndefined();
    expect(attempt(() => parseResource({ ...example('GlobalNetworkSet'), spec: deep }))).toBeUndefined();
    for (const field of ['ownerReferences', 'managedFields']) {
      const metadata = { name: 'a', [field]: [deep] };
      expect(attempt(() => parseResource({ ...example('GlobalNetworkSet'), metadata }))).toBeUndefined();
      const stored = `{"metadata":{"name":"a","${field}":[${deepText}]},"spec":{}}`;
      expect(attempt(() => decodeResource('GlobalNetworkSet', stored, 1n))).toBeUndefined();
    }
  });

  it('that holds itself, by YAML aliases, is refused', () => {
    const cyclic: unknown = parse('metadata: {name: a, ownerReferences: [&o {self: *o}]}\nspec: {}\n');
    const document = { ...(cyclic as object), kind: 'GlobalNetworkSet', apiVersion: 'projectcalico.org/v3' };
    expect(attempt(() => parseResource(document))).toBeUndefined();
  });

  it('of 100000 problems is told in full', () => {
    const nets = Array.from({ length: 100_000 }, () => 'x');
    expect(() => parseResource(withSpec('GlobalNetworkSet', { nets }))).toThrow(ValidationError);
  });
});
