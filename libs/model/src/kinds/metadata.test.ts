import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, metadataOf } from '../testing/rules.ts';
import { kinds } from './kind-names.ts';

const KIBIBYTE = 1024;

/** Objects within one another. */
function nested(depth: number): object {
  return depth === 0 ? {} : { in: nested(depth - 1) };
}

describe('metadata', () => {
  describeRules(metadataOf('GlobalNetworkSet'), {
    'a name is labels joined by dots, 253 characters at most': {
      accepts: [{ name: 'a' }, { name: '0' }, { name: 'a-b.c-d.0' }, { name: 'a'.repeat(253) }],
      refuses: ['', 'a'.repeat(254), 'a_b', 'A', '-a', 'a-', '.a', 'a.', 'a..b', 'a.-b', 'a/b', 'a b'].map((name) => [
        { name },
        ['name'],
      ]),
    },
    'label names are Kubernetes qualified names': {
      accepts: [{ labels: { a: '', 'a/b': 'c', 'x.y/A_b.c-d': 'e', ['x'.repeat(63)]: '' } }],
      refuses: [
        [{ labels: { '-a': 'b' } }, ['labels["-a"]']],
        [{ labels: { 'a/b/c': '' } }, ['labels["a/b/c"]']],
        [{ labels: { 'A/b': '' } }, ['labels["A/b"]']],
        [{ labels: { '/b': '' } }, ['labels["/b"]']],
        [{ labels: { ['x'.repeat(64)]: '' } }, [`labels.${'x'.repeat(64)}`]],
      ],
    },
    'label values are at most 63 letters, digits, "-", "_" and "."': {
      accepts: [{ labels: { a: 'x'.repeat(63), b: 'A_b.c-d', c: '' } }],
      refuses: [
        [{ labels: { a: 'x'.repeat(64) } }, ['labels.a']],
        [{ labels: { a: '-' } }, ['labels.a']],
        [{ labels: { a: 'b c' } }, ['labels.a']],
      ],
    },
    'annotation names are qualified names in any case': {
      accepts: [{ annotations: { 'UPPER.Case/x': 'any \u2603 text\n' } }],
      refuses: [
        [{ annotations: { 'a b': '' } }, ['annotations["a b"]']],
        [{ annotations: { 'a/b/c': '' } }, ['annotations["a/b/c"]']],
      ],
    },
    'annotations have at most 256 KiB, in bytes, keys and values together': {
      accepts: [{ annotations: { a: 'x'.repeat(256 * KIBIBYTE - 1) } }],
      refuses: [
        [{ annotations: { a: 'x'.repeat(256 * KIBIBYTE) } }, ['annotations']],
        [{ annotations: { a: '\u2603'.repeat(100 * KIBIBYTE) } }, ['annotations']],
        [{ annotations: { a: 'x'.repeat(128 * KIBIBYTE), b: 'x'.repeat(128 * KIBIBYTE) } }, ['annotations']],
      ],
    },
    'unknown fields are refused': { accepts: [{ generation: 2 }], refuses: [[{ unknown: 5 }, ['unknown']]] },
  });

  describeFields(metadataOf('GlobalNetworkSet'), {
    uid: [['5f2fa6a1-0000-4000-8000-000000000001'], [5]],
    resourceVersion: [['5'], [5]],
    creationTimestamp: [
      ['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.9+01:00', null],
      ['yesterday', 5],
    ],
    deletionTimestamp: [['2026-01-02T03:04:05Z', null], ['x']],
    deletionGracePeriodSeconds: [[0, 30], ['30']],
    ownerReferences: [[[{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' }]], [['x'], {}]],
    finalizers: [[['a/b']], ['a/b']],
    managedFields: [
      [[{ manager: 'x' }], [nested(60)]],
      ['x', [nested(70)]],
    ],
  });

  it.each(kinds)('of %s has a namespace where the kind has one, and only there', (kind) => {
    const { metadata } = document(kind, {});
    const isNamespaced = 'namespace' in (metadata as object);
    const withNamespace = { ...document(kind, {}, { namespace: 'x' }) };
    const without = document(kind, {}, { namespace: undefined });
    const complains = (input: unknown): boolean => {
      try {
        parseResource(input);
        return false;
      } catch (error) {
        return String(error).includes('metadata.namespace');
      }
    };
    expect(complains(withNamespace)).toBe(!isNamespaced);
    expect(complains(without)).toBe(isNamespaced);
  });

  it('is stored in UTC with whole seconds', () => {
    const { metadata } = parseResource(
      document('GlobalNetworkSet', {}, { creationTimestamp: '2026-01-02T03:04:05.9+01:00' }),
    );
    expect(metadata.creationTimestamp).toBe('2026-01-02T02:04:05Z');
  });
});
