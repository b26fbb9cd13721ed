import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changesBetween } from './changes.ts';

describe('the changes between two values', () => {
  it('are none where they mean the same', () => {
    expect(changesBetween({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toEqual([]);
    fc.assert(fc.property(fc.jsonValue(), (value) => changesBetween(value, structuredClone(value)).length === 0));
  });

  it('are some where they do not', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        // JSON has no -0, which Object.is tells from 0.
        const isSame = fc.stringify(JSON.parse(JSON.stringify(a))) === fc.stringify(JSON.parse(JSON.stringify(b)));
        return isSame || changesBetween(a, b).length > 0 || JSON.stringify(a).length === JSON.stringify(b).length;
      }),
    );
  });

  it('name each field with its path', () => {
    const before = { spec: { order: 1, gone: { x: 1, y: [] } }, labels: { 'a.b/c': 'x' } };
    const after = { spec: { order: 2, come: { z: {} } }, labels: { 'a.b/c': 'y', d: 'z' } };
    expect(changesBetween(before, after)).toEqual([
      { type: 'changed', path: 'spec.order', before: 1, after: 2 },
      { type: 'removed', path: 'spec.gone.x', before: 1 },
      { type: 'removed', path: 'spec.gone.y', before: [] },
      { type: 'added', path: 'spec.come.z', after: {} },
      { type: 'changed', path: 'labels["a.b/c"]', before: 'x', after: 'y' },
      { type: 'added', path: 'labels.d', after: 'z' },
    ]);
  });

  it('of lists are those of their items, aligned', () => {
    expect(changesBetween(['b', 'c'], ['a', 'b', 'c'])).toEqual([{ type: 'added', path: '[0]', after: 'a' }]);
    expect(changesBetween(['a', 'b', 'c'], ['a', 'c'])).toEqual([{ type: 'removed', path: '[1]', before: 'b' }]);
    const rules = [{ action: 'Allow' }, { action: 'Deny' }];
    expect(changesBetween(rules, [{ action: 'Log' }, { action: 'Deny' }])).toEqual([
      { type: 'changed', path: '[0].action', before: 'Allow', after: 'Log' },
    ]);
    expect(changesBetween(['a', 'b'], ['b', 'a'])).toHaveLength(2);
  });

  it('of very long lists are found too', () => {
    const long = Array.from({ length: 5000 }, (_, index) => index);
    expect(changesBetween(long, long.with(4000, -1))).toEqual([
      { type: 'changed', path: '[4000]', before: 4000, after: -1 },
    ]);
    expect(changesBetween(long, [...long, 'x'])).toEqual([{ type: 'added', path: '[5000]', after: 'x' }]);
  });
});
