import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { describeKind } from './describe-kind.ts';
import { kinds } from './kind-names.ts';

describe.each(kinds)('the description of %s', (kind) => {
  const description = describeKind(kind);

  it('has an example that parses', () => {
    expect(() => parseResource(description.example)).not.toThrow();
  });

  it('says something of every field', () => {
    const silent = description.structs.flatMap(({ name, fields }) =>
      fields.filter((field) => field.description === '').map((field) => `${name}.${field.name}`),
    );
    expect(silent.filter((field) => !/\.(?:spec|status)$/.test(field))).toEqual([]);
    expect(description.summary).not.toBe('');
    expect(description.nameRule).not.toBe('');
  });

  it('leads to every struct that a field is made of', () => {
    const names = new Set(description.structs.map(({ name }) => name));
    for (const { fields } of description.structs) {
      for (const { struct } of fields) if (struct !== undefined) expect(names).toContain(struct);
    }
  });
});
