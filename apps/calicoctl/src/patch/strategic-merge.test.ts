import { describe, expect, it } from 'vitest';
import { strategicMerge } from './strategic-merge.ts';

describe('a strategic merge patch', () => {
  it('merges objects, replaces lists and removes what is null', () => {
    const target = { a: { b: 1, c: 2 }, list: [1, 2], gone: 'x' };
    expect(strategicMerge(target, { a: { c: 3, d: 4 }, list: [9], gone: null })).toEqual({
      a: { b: 1, c: 3, d: 4 },
      list: [9],
    });
  });

  it('follows its directives', () => {
    expect(strategicMerge({ a: { b: 1 } }, { a: { $patch: 'replace', c: 2 } })).toEqual({ a: { c: 2 } });
    expect(strategicMerge({ a: { b: 1 }, d: 1 }, { a: { $patch: 'delete' } })).toEqual({ d: 1 });
    expect(strategicMerge({ a: { b: 1, c: 2 } }, { a: { $retainKeys: ['c'] } })).toEqual({ a: { c: 2 } });
    expect(strategicMerge({ l: ['x', 'y'] }, { '$deleteFromPrimitiveList/l': ['x'] })).toEqual({ l: ['y'] });
  });

  it('leaves the target as it was', () => {
    const target = Object.freeze({ a: Object.freeze({ b: 1 }) });
    strategicMerge(target, { a: { b: 2 } });
    expect(target).toEqual({ a: { b: 1 } });
  });
});
