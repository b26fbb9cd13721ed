import { describe, expect, it } from 'vitest';
import { parseResource } from '../resource-codec.ts';
import { document } from '../testing/documents.ts';
import { describeFields, describeRules, metadataOf, specOf, type RuleCases } from '../testing/rules.ts';

const allow = { action: 'Allow' };
const NAMESPACED = ['NetworkPolicy', 'StagedNetworkPolicy'] as const;
const GLOBAL = ['GlobalNetworkPolicy', 'StagedGlobalNetworkPolicy'] as const;
const STAGED = ['StagedNetworkPolicy', 'StagedGlobalNetworkPolicy'] as const;

const names = (accepts: readonly string[], refuses: readonly string[]): RuleCases => ({
  accepts: accepts.map((name) => ({ name })),
  refuses: refuses.map((name) => [{ name }, ['name']]),
});

describe.each([...NAMESPACED, ...GLOBAL])('%s', (kind) => {
  describeFields(specOf(kind), {
    tier: [
      ['default', 'web-1', ''],
      ['Not.A.Tier', 'a.b'],
    ],
    order: [
      [0, -1.5, 1e21, 1000],
      ['10', true],
    ],
    selector: [
      ['', 'all()', "a == 'b' && !has(c)"],
      ['a ==', 'global()', 'a == "global("'],
    ],
    serviceAccountSelector: [
      ['', 'has(a)'],
      ['a', 'global()'],
    ],
    types: [
      [['Ingress'], ['Egress', 'Ingress'], []],
      [['Ingress', 'Ingress'], ['Both'], 'Ingress', ['Ingress', 'Egress', 'Ingress']],
    ],
    performanceHints: [
      [['AssumeNeededOnEveryNode'], []],
      [['Faster'], ['AssumeNeededOnEveryNode', 'AssumeNeededOnEveryNode']],
    ],
  });

  describeRules(specOf(kind), {
    'at most 1024 rules in each direction': {
      accepts: [{ ingress: Array(1024).fill(allow), egress: Array(1024).fill(allow) }],
      refuses: [
        [{ ingress: Array(1025).fill(allow) }, ['ingress']],
        [{ egress: Array(1025).fill(allow) }, ['egress']],
      ],
    },
  });

  it.each([
    [{}, ['Ingress']],
    [{ ingress: [allow] }, ['Ingress']],
    [{ ingress: [allow], egress: [] }, ['Ingress']],
    [{ egress: [allow] }, ['Egress']],
    [{ ingress: [allow], egress: [allow] }, ['Ingress', 'Egress']],
    [{ types: ['Egress', 'Ingress'] }, ['Egress', 'Ingress']],
    [{ types: [], egress: [allow] }, ['Egress']],
  ])('%j has the types %j', (spec, types) => {
    expect(parseResource(document(kind, spec))).toMatchObject({ spec: { types } });
  });

  it('is in the tier default unless it says otherwise, and carries the tier as a label', () => {
    const inDefault = parseResource(document(kind, {}));
    expect(inDefault.spec).toMatchObject({ tier: 'default' });
    expect(inDefault.metadata.labels).toEqual({ 'projectcalico.org/tier': 'default' });
    const elsewhere = parseResource(
      document(kind, { tier: 'web' }, { labels: { a: 'b', 'projectcalico.org/tier': 'default' } }),
    );
    expect(elsewhere.spec).toMatchObject({ tier: 'web' });
    expect(elsewhere.metadata.labels).toEqual({ a: 'b', 'projectcalico.org/tier': 'web' });
  });
});

describe.each(NAMESPACED)('%s', (kind) => {
  describeRules(metadataOf(kind), {
    'a name is one or two labels, or any name behind "knp.default." and "ossg.default."': names(
      ['web', 'tier.web', 'a-1.b-2', 'knp.default.a', 'knp.default.a.b.c', 'ossg.default.a.b', 'x'.repeat(253)],
      [
        '',
        'a.b.c',
        'A',
        '-a',
        'a-',
        'a_b',
        'a..b',
        '.a',
        'knp.other.a',
        'knp.default.A',
        'knp.default.-',
        'x'.repeat(254),
      ],
    ),
  });

  describeRules(specOf(kind), {
    'has none of the switches of a global policy': {
      accepts: [{}],
      refuses: [
        [{ doNotTrack: true }, ['doNotTrack']],
        [{ preDNAT: true }, ['preDNAT']],
        [{ applyOnForward: true }, ['applyOnForward']],
        [{ namespaceSelector: 'all()' }, ['namespaceSelector']],
      ],
    },
  });
});

describe.each(GLOBAL)('%s', (kind) => {
  describeRules(metadataOf(kind), {
    'a name is one or two labels': names(
      ['web', 'tier.web', 'a-1.b-2', 'knp.web'],
      ['', 'a.b.c', 'knp.default.a', 'A', 'a-', 'a..b', 'x'.repeat(254)],
    ),
  });

  describeFields(specOf(kind), {
    namespaceSelector: [
      ['', 'has(a)', 'all()'],
      ['a', 'global()'],
    ],
  });

  describeRules(specOf(kind), {
    'doNotTrack excludes preDNAT': {
      accepts: [
        { doNotTrack: true, applyOnForward: true },
        { preDNAT: true, applyOnForward: true },
        { doNotTrack: false, preDNAT: true, applyOnForward: true },
      ],
      refuses: [[{ doNotTrack: true, preDNAT: true, applyOnForward: true }, ['preDNAT']]],
    },
    'preDNAT has no egress rules': {
      accepts: [{ preDNAT: true, applyOnForward: true, ingress: [allow], egress: [] }],
      refuses: [[{ preDNAT: true, applyOnForward: true, egress: [allow], types: ['Ingress'] }, ['egress']]],
    },
    'preDNAT is not of type Egress': {
      accepts: [{ preDNAT: true, applyOnForward: true, types: ['Ingress'] }],
      refuses: [
        [{ preDNAT: true, applyOnForward: true, types: ['Ingress', 'Egress'] }, ['types']],
        [{ preDNAT: true, applyOnForward: true, types: ['Egress'] }, ['types']],
      ],
    },
    'doNotTrack and preDNAT need applyOnForward': {
      accepts: [
        { applyOnForward: true },
        { applyOnForward: false },
        { doNotTrack: true, applyOnForward: true, egress: [allow] },
      ],
      refuses: [
        [{ doNotTrack: true }, ['applyOnForward']],
        [{ preDNAT: true }, ['applyOnForward']],
        [{ preDNAT: true, applyOnForward: false }, ['applyOnForward']],
      ],
    },
  });
});

describe.each(STAGED)('%s', (kind) => {
  describeFields(specOf(kind), {
    stagedAction: [
      ['Set', 'Learn', 'Ignore', 'Delete', ''],
      ['Remove', 'set'],
    ],
  });

  describeRules(specOf(kind, { stagedAction: 'Delete' }), {
    'a deletion says nothing but the tier': {
      accepts: [
        {},
        { tier: 'web' },
        { ingress: [], types: [], selector: '' },
        { stagedAction: 'Set', order: 1, selector: 'all()', ingress: [allow] },
      ],
      refuses: [
        [{ order: 0 }, ['order']],
        [{ selector: 'all()' }, ['selector']],
        [{ ingress: [allow] }, ['ingress']],
        [{ egress: [allow] }, ['egress']],
        [{ types: ['Ingress'] }, ['types']],
        [{ serviceAccountSelector: 'all()' }, ['serviceAccountSelector']],
        [{ performanceHints: ['AssumeNeededOnEveryNode'] }, ['performanceHints']],
      ],
    },
  });

  it('sets, unless it says otherwise', () => {
    expect(parseResource(document(kind, {})).spec).toMatchObject({ stagedAction: 'Set' });
    expect(parseResource(document(kind, { stagedAction: 'Delete' })).spec).toEqual({
      stagedAction: 'Delete',
      tier: 'default',
    });
  });
});

describe('StagedGlobalNetworkPolicy', () => {
  describeRules(specOf('StagedGlobalNetworkPolicy', { stagedAction: 'Delete' }), {
    'a deletion has none of the switches': {
      accepts: [{ doNotTrack: false, preDNAT: false, applyOnForward: false, namespaceSelector: '' }],
      refuses: [
        [{ applyOnForward: true }, ['applyOnForward']],
        [{ namespaceSelector: 'all()' }, ['namespaceSelector']],
      ],
    },
  });
});
