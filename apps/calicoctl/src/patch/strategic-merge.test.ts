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

  const merged = (metadata: object, patch: object): unknown => {
    const { metadata: result } = strategicMerge({ metadata }, { metadata: patch }) as { metadata: unknown };
    return result;
  };

  it('merges finalizers, each of which is there once', () => {
    expect(merged({ finalizers: ['a', 'b'] }, { finalizers: ['b', 'c'] })).toEqual({ finalizers: ['a', 'b', 'c'] });
    expect(merged({}, { finalizers: ['a'] })).toEqual({ finalizers: ['a'] });
    const removed = { '$deleteFromPrimitiveList/finalizers': ['a'], finalizers: ['c'] };
    expect(merged({ finalizers: ['a', 'b'] }, removed)).toEqual({ finalizers: ['b', 'c'] });
    const ordered = { '$setElementOrder/finalizers': ['c', 'a'], finalizers: ['c'] };
    expect(merged({ finalizers: ['a', 'b'] }, ordered)).toEqual({ finalizers: ['c', 'b', 'a'] });
    expect(merged({ finalizers: ['a'] }, { finalizers: null })).toEqual({});
  });

  it('merges owners by their uid', () => {
    const owners = {
      ownerReferences: [
        { uid: '1', name: 'one' },
        { uid: '2', name: 'two' },
      ],
    };
    expect(
      merged(owners, {
        ownerReferences: [
          { uid: '2', controller: true },
          { uid: '3', name: 'three' },
        ],
      }),
    ).toEqual({
      ownerReferences: [
        { uid: '1', name: 'one' },
        { uid: '2', name: 'two', controller: true },
        { uid: '3', name: 'three' },
      ],
    });
    expect(merged(owners, { ownerReferences: [{ uid: '1', $patch: 'delete' }] })).toEqual({
      ownerReferences: [{ uid: '2', name: 'two' }],
    });
    expect(merged(owners, { ownerReferences: [{ $patch: 'replace' }, { uid: '9' }] })).toEqual({
      ownerReferences: [{ uid: '9' }],
    });
    const order = { '$setElementOrder/ownerReferences': [{ uid: '2' }, { uid: '1' }] };
    expect(merged(owners, order)).toEqual({ ownerReferences: owners.ownerReferences.toReversed() });
  });
});
