import { describe, expect, it } from 'vitest';
import { decodeResource, parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, metadataOf, specOf } from '../testing/rules.ts';

describe('Tier', () => {
  describeFields(specOf('Tier', {}, { name: 'web' }), {
    order: [[0, -5, 1.5, 1e9], ['1', null, true].filter((value) => value !== null)],
    defaultAction: [
      ['Deny', 'Pass'],
      ['Allow', 'Log', 'deny'],
    ],
  });

  describe.each([
    ['default', 1_000_000, 'Deny', 'Pass'],
    ['kube-admin', 1_000, 'Pass', 'Deny'],
    ['kube-baseline', 10_000_000, 'Pass', 'Deny'],
  ])('called %s', (name, order, defaultAction, other) => {
    describeRules(specOf('Tier', { order, defaultAction }, { name }), {
      'has its own order': {
        accepts: [{ order }],
        refuses: [
          [{ order: order + 1 }, ['order']],
          [{ order: 0 }, ['order']],
        ],
      },
      'has its own default action': {
        accepts: [{ defaultAction }],
        refuses: [[{ defaultAction: other }, ['defaultAction']]],
      },
    });
  });

  describeRules(metadataOf('Tier', { order: 5 }), {
    'a name is one label of at most 63 characters': {
      accepts: [{ name: 'a' }, { name: 'web-1' }, { name: 'x'.repeat(63) }, { name: '0' }],
      refuses: [
        [{ name: 'a.b' }, ['name']],
        [{ name: 'x'.repeat(64) }, ['name']],
        [{ name: '-a' }, ['name']],
        [{ name: 'a-' }, ['name']],
        [{ name: 'A' }, ['name']],
        [{ name: 'a_b' }, ['name']],
      ],
    },
    'finalizers may be there': {
      accepts: [{ name: 'a', finalizers: ['projectcalico.org/tier-controller'] }],
      refuses: [[{ name: 'a', finalizers: 'projectcalico.org/tier-controller' }, ['finalizers']]],
    },
  });

  it('without an order stands at 1000000, and denies', () => {
    expect(parseResource(document('Tier', {}, { name: 'web' })).spec).toEqual({
      order: 1_000_000,
      defaultAction: 'Deny',
    });
    expect(parseResource(document('Tier', { order: 0 }, { name: 'web' })).spec).toMatchObject({ order: 0 });
  });

  it('of an older release has no order, and is read with it', () => {
    expect(decodeResource('Tier', '{"metadata":{"name":"t"},"spec":{}}', 1n).spec.order).toBe(1_000_000);
  });
});
