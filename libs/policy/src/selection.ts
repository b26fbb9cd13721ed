/**
 * Whom a resource's selector fields mean. The fields are asked one by one; Calico joins them to one
 * selector text, which comes to the same.
 */
import { NAMESPACE_LABEL, type EntityRule } from '@calico-node/model';
import { parseSelector, type Labels, type Selector } from '@calico-node/selector';
import { isNamespaced, type Policy } from './world.ts';

const SERVICE_ACCOUNT_LABEL = 'projectcalico.org/serviceaccount';
const hasNamespace = `has(${NAMESPACE_LABEL})`;
const hasServiceAccount = `has(${SERVICE_ACCOUNT_LABEL})`;

/** Asks selectors, each parsed once. Its methods throw SelectorError for text that is none. */
export class Selection {
  readonly #parsed = new Map<string, Selector>();

  /** Whether the policy applies to an endpoint with these labels. */
  policyApplies(policy: Policy, labels: Labels): boolean {
    const { selector = '', serviceAccountSelector = '' } = policy.spec;
    if (isNamespaced(policy)) {
      return (
        labels.get(NAMESPACE_LABEL) === policy.metadata.namespace &&
        this.#holds(selector, labels) &&
        (serviceAccountSelector === '' || this.#holds(this.#prefixed(serviceAccountSelector, 'pcsa.'), labels))
      );
    }
    const { namespaceSelector = '' } = policy.spec;
    // Calico replaces `all()` in the joined text, and so in the policy's own selector too.
    const all = namespaceSelector !== '' ? hasNamespace : serviceAccountSelector !== '' ? hasServiceAccount : undefined;
    const own = all === undefined ? selector : selector.replaceAll('all()', all);
    const inNamespaces = this.#prefixed(namespaceSelector, 'pcns.').replaceAll('all()', hasNamespace);
    const ofAccounts = this.#prefixed(serviceAccountSelector, 'pcsa.').replaceAll('all()', hasServiceAccount);
    return (
      this.#holds(own, labels) &&
      (namespaceSelector === '' || this.#holds(inNamespaces, labels)) &&
      (serviceAccountSelector === '' || this.#holds(ofAccounts, labels))
    );
  }

  /** Whether one end of a rule asks for labels, other than by notSelector alone. */
  asksForLabels(entity: EntityRule, policyNamespace: string | undefined): boolean {
    const { selector = '', notSelector = '', namespaceSelector = '', serviceAccounts } = entity;
    const { names = [], selector: accounts = '' } = serviceAccounts ?? {};
    if (selector !== '' || namespaceSelector !== '' || names.length > 0 || accounts !== '') return true;
    // A namespaced policy's notSelector means the others of its namespace.
    return notSelector !== '' && policyNamespace !== undefined;
  }

  /** Whether a member with these labels is one that the end of the rule asks for; any, where it asks for none. */
  entityHolds(entity: EntityRule, policyNamespace: string | undefined, labels: Labels): boolean {
    if (!this.asksForLabels(entity, policyNamespace)) return true;
    const { selector = '', namespaceSelector = '', serviceAccounts } = entity;
    const { names = [], selector: accounts = '' } = serviceAccounts ?? {};
    if (this.isRefused(entity, labels)) return false;
    if (namespaceSelector !== '') {
      const text = this.#prefixed(namespaceSelector, 'pcns.')
        .replaceAll('all()', hasNamespace)
        .replaceAll('global()', `!${hasNamespace}`);
      if (!this.#holds(text, labels)) return false;
    } else if (policyNamespace !== undefined && labels.get(NAMESPACE_LABEL) !== policyNamespace) {
      return false;
    }
    const account = labels.get(SERVICE_ACCOUNT_LABEL);
    if (names.length > 0 && (account === undefined || !names.includes(account))) return false;
    if (accounts !== '' && !this.#holds(this.#prefixed(accounts, 'pcsa.'), labels)) return false;
    return this.#holds(selector, labels);
  }

  /** Whether a member with these labels is one that notSelector refuses, whatever its namespace. */
  isRefused({ notSelector = '' }: EntityRule, labels: Labels): boolean {
    return notSelector !== '' && this.#holds(notSelector, labels);
  }

  #holds(text: string, labels: Labels): boolean {
    return this.#parse(text).evaluate(labels);
  }

  #prefixed(text: string, prefix: string): string {
    return text === '' ? '' : this.#parse(text).withPrefix(prefix).canonical;
  }

  #parse(text: string): Selector {
    const known = this.#parsed.get(text);
    if (known !== undefined) return known;
    const selector = parseSelector(text);
    this.#parsed.set(text, selector);
    return selector;
  }
}
