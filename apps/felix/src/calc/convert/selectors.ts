/**
 * The selector texts that Calico's syncer makes of a resource's fields (`libcalico-go/lib/backend/
 * syncersv1/updateprocessors`). They are joined as text and parsed once, so that canonical forms, and
 * with them the IDs of IP sets, are the same as real Calico's. What reads otherwise joined than alone is refused: a policy
 * must not get out of its namespace by `a) || (all()`, which a client that does not check may have stored.
 */
import { NAMESPACE_LABEL, type EntityRule, type GlobalNetworkPolicy, type NetworkPolicy } from '@calico-node/model';
import { parseSelector, type Selector } from '@calico-node/selector';
import { ConversionError } from './conversion-error.ts';

export const serviceAccountLabel = 'projectcalico.org/serviceaccount';
const namespacePrefix = 'pcns.';
const serviceAccountPrefix = 'pcsa.';

/** Parses each distinct text once; policies repeat each other's selectors. */
export class SelectorCache {
  readonly #parsed = new Map<string, Selector>();
  readonly #capacity: number;

  /** Holds at most `capacity` selectors, then starts anew. */
  constructor(capacity = 50_000) {
    this.#capacity = capacity;
  }

  /** Throws SelectorError. */
  parse(text: string): Selector {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    if (this.#parsed.size >= this.#capacity) this.#parsed.clear();
    const selector = parseSelector(text);
    this.#parsed.set(text, selector);
    return selector;
  }

  /**
   * Whose labels one end of a rule asks for; undefined when it asks for none, or by notSelector alone. What notSelector
   * refuses is taken from those whom the others select, and not from their addresses: one of them may lie in a network
   * that somebody refused has. Throws SelectorError and ConversionError.
   */
  entitySelector(entity: EntityRule, policyNamespace: string | undefined): Selector | undefined {
    const { selector = '', notSelector = '', namespaceSelector = '' } = entity;
    const own = join(this.#serviceAccounts(entity.serviceAccounts), this.#whole(selector));
    const namespaces = this.#namespaces(namespaceSelector, policyNamespace);
    const isLabelled = own !== '' || notSelector !== '' || namespaceSelector !== '';
    const text = namespaces !== '' && isLabelled ? join(namespaces, own) : own;
    if (text === '') return undefined;
    return this.parse(notSelector === '' ? text : `(${text}) && (!(${this.#whole(notSelector)}))`);
  }

  /** Which endpoints of its namespace a NetworkPolicy applies to. Throws SelectorError and ConversionError. */
  networkPolicySelector(spec: NetworkPolicy['spec'], namespace: string): Selector {
    const inNamespace = namespaceIs(namespace);
    const text = present(spec.selector) ? `(${this.#whole(spec.selector)}) && ${inNamespace}` : inNamespace;
    if (!present(spec.serviceAccountSelector)) return this.parse(text);
    return this.parse(`(${text}) && ${this.#prefixed(spec.serviceAccountSelector, serviceAccountPrefix)}`);
  }

  /**
   * Which endpoints a GlobalNetworkPolicy applies to. With a namespaceSelector or serviceAccountSelector
   * `all()` comes to mean "of any namespace" or "of any service account", in the policy's own selector
   * too: Calico replaces it in the joined text. Throws SelectorError.
   */
  globalPolicySelector(spec: GlobalNetworkPolicy['spec']): Selector {
    let text = this.#whole(spec.selector ?? '');
    if (present(spec.namespaceSelector)) {
      text = and(text, this.#prefixed(spec.namespaceSelector, namespacePrefix));
      text = text.replaceAll('all()', `has(${NAMESPACE_LABEL})`);
    }
    if (present(spec.serviceAccountSelector)) {
      text = and(text, this.#prefixed(spec.serviceAccountSelector, serviceAccountPrefix));
      text = text.replaceAll('all()', `has(${serviceAccountLabel})`);
    }
    return this.parse(text);
  }

  #namespaces(namespaceSelector: string, policyNamespace: string | undefined): string {
    if (namespaceSelector === '') return policyNamespace === undefined ? '' : namespaceIs(policyNamespace);
    return this.#prefixed(namespaceSelector, namespacePrefix)
      .replaceAll('all()', `has(${NAMESPACE_LABEL})`)
      .replaceAll('global()', `!has(${NAMESPACE_LABEL})`);
  }

  #serviceAccounts(match: EntityRule['serviceAccounts']): string {
    if (match === undefined) return '';
    const names = match.names ?? [];
    const byName =
      names.length === 0 ? '' : `${serviceAccountLabel} in {${names.map((name) => quoted(name, '"')).join(', ')}}`;
    return join(present(match.selector) ? this.#prefixed(match.selector, serviceAccountPrefix) : '', byName);
  }

  /** A selector that is to stand within another: only parentheses could make it something else there. */
  #whole(text: string): string {
    if (/[()]/.test(text)) this.parse(text);
    return text;
  }

  #prefixed(text: string, prefix: string): string {
    return this.parse(text).withPrefix(prefix).canonical;
  }
}

function namespaceIs(namespace: string): string {
  return `${NAMESPACE_LABEL} == ${quoted(namespace, "'")}`;
}

/** Names hold no quotes. */
function quoted(name: string, quote: string): string {
  if (name.includes(quote)) throw new ConversionError(`"${name}" is no name`);
  return `${quote}${name}${quote}`;
}

function present(text: string | undefined): text is string {
  return text !== undefined && text !== '';
}

function join(first: string, second: string): string {
  if (first === '') return second;
  return second === '' ? first : `(${first}) && (${second})`;
}

function and(first: string, second: string): string {
  return first === '' ? second : `(${first}) && ${second}`;
}
