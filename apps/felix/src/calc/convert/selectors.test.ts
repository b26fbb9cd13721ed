import { describe, expect, test } from 'vitest';
import { SelectorCache } from './selectors.ts';

const selectors = new SelectorCache();
const entity = (fields: Parameters<SelectorCache['entitySelector']>[0], namespace?: string) =>
  selectors.entitySelector(fields, namespace)?.canonical;

describe('one end of a rule', () => {
  test('asks for no labels when only networks are given, in a namespaced policy too', () => {
    expect(entity({ nets: ['10.0.0.0/8'] }, 'ns1')).toBeUndefined();
  });

  test('stays in the namespace of its policy', () => {
    expect(entity({ selector: 'app == "web"' }, 'ns1')).toBe('(projectcalico.org/namespace == "ns1" && app == "web")');
    expect(entity({ notSelector: 'app == "web"' }, 'ns1')).toBe(
      '(projectcalico.org/namespace == "ns1" && !app == "web")',
    );
  });

  test('takes whom notSelector refuses from those whom it selects, if there are any', () => {
    expect(entity({ selector: 'a == "b"', notSelector: 'c == "d" || has(e)' })).toBe(
      '(a == "b" && !(c == "d" || has(e)))',
    );
    expect(entity({ notSelector: 'has(e)' })).toBeUndefined();
  });

  test('reads a namespaceSelector on the labels that endpoints inherit from namespaces', () => {
    expect(entity({ namespaceSelector: 'env == "prod"' }, 'ns1')).toBe('pcns.env == "prod"');
    expect(entity({ namespaceSelector: 'all()', selector: 'x == "y"' })).toBe(
      '(has(projectcalico.org/namespace) && x == "y")',
    );
    expect(entity({ namespaceSelector: 'global()' }, 'ns1')).toBe('!has(projectcalico.org/namespace)');
  });

  test('joins service accounts and selector', () => {
    expect(entity({ serviceAccounts: { names: ['b', 'a'], selector: 'team == "x"' }, selector: 'app == "web"' })).toBe(
      '((pcsa.team == "x" && projectcalico.org/serviceaccount in {"a", "b"}) && app == "web")',
    );
  });
});

describe('text that would read otherwise within another', () => {
  const escaping = 'a == "b") || (all()';

  test.each([
    () => entity({ selector: escaping }, 'ns1'),
    () => entity({ notSelector: escaping }, 'ns1'),
    () => entity({ serviceAccounts: { selector: escaping } }, 'ns1'),
    () => entity({ namespaceSelector: escaping }),
    () => entity({ serviceAccounts: { names: ['x"} || all() || a in {"y'] } }, 'ns1'),
    () => selectors.networkPolicySelector({ selector: escaping }, 'ns1'),
    () => selectors.networkPolicySelector({ serviceAccountSelector: escaping }, 'ns1'),
    () => selectors.networkPolicySelector({}, "x' || all() || a == 'y"),
    () => selectors.globalPolicySelector({ selector: escaping, namespaceSelector: 'a == "b"' }),
  ])('is refused (%#)', (read) => {
    expect(read).toThrow(/^(expected|unexpected|".*" is no name)/);
  });
});

describe('the endpoints that a policy applies to', () => {
  test('are those of its namespace', () => {
    expect(selectors.networkPolicySelector({}, 'ns1').canonical).toBe('projectcalico.org/namespace == "ns1"');
    expect(
      selectors.networkPolicySelector({ selector: 'a == "b"', serviceAccountSelector: 'c == "d"' }, 'ns1').canonical,
    ).toBe('((a == "b" && projectcalico.org/namespace == "ns1") && pcsa.c == "d")');
  });

  test('are all, for a global policy without selectors', () => {
    expect(selectors.globalPolicySelector({}).canonical).toBe('all()');
  });

  test('are those in some namespace when a namespaceSelector says all()', () => {
    expect(selectors.globalPolicySelector({ selector: 'a == "b"', namespaceSelector: 'all()' }).canonical).toBe(
      '(a == "b" && has(projectcalico.org/namespace))',
    );
    expect(selectors.globalPolicySelector({ serviceAccountSelector: 'all()' }).canonical).toBe(
      'has(projectcalico.org/serviceaccount)',
    );
  });
});
