import { parseSelector, SelectorError } from '@calico-node/selector';
import type { ValueCheck } from '../schema/schema.ts';

/** A selector that parses. */
export const selector: ValueCheck<string> = (value) => {
  try {
    parseSelector(value);
    return undefined;
  } catch (error) {
    if (error instanceof SelectorError) return `is not a selector: ${error.message}`;
    throw error;
  }
};

/** A selector in which `global()` has no meaning. */
export const selectorWithoutGlobal: ValueCheck<string> = (value) =>
  value.includes('global(') ? `must not use global(), which only a rule's namespaceSelector may be` : selector(value);

/** A rule's namespace selector: `global()` stands alone or not at all. */
export const ruleNamespaceSelector: ValueCheck<string> = (value) => {
  const complaint = selector(value);
  if (complaint !== undefined || !value.includes('global(')) return complaint;
  return parseSelector(value).canonical === 'global()'
    ? undefined
    : 'must use global() alone, not as part of a selector';
};
