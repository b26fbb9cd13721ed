import { parseSelector, SelectorError } from '@calico-node/selector';
import { noted } from '../schema/schema.ts';

/** A selector that parses. */
const selector = (value: string): string | undefined => {
  try {
    parseSelector(value);
    return undefined;
  } catch (error) {
    if (error instanceof SelectorError) return `is not a selector: ${error.message}`;
    throw error;
  }
};

/** A selector in which `global()` has no meaning. */
export const selectorWithoutGlobal = noted('a selector without global()', (value: string) =>
  value.includes('global(') ? `must not use global(), which only a rule's namespaceSelector may be` : selector(value),
);

const ONLY_GLOBAL = /^[ \t]*global\([ \t]*\)[ \t]*$/;

/** A rule's namespace selector: `global()` stands alone or not at all. */
export const ruleNamespaceSelector = noted('a selector, or global() alone', (value: string) =>
  value.includes('global(') && !ONLY_GLOBAL.test(value)
    ? 'must use global() alone, not as part of a selector'
    : selector(value),
);
