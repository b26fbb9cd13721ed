/**
 * Chains of the rule model as chains of iptables.
 *
 * A rule's identity is a hash that covers the chain's name, every rule before it and its own text; it stands in the
 * kernel's copy as the comment `cali:<hash>`, so that a chain is known again after a restart from its comments alone.
 */
import { createHash } from 'node:crypto';
import type { Family } from '@calico-node/net';
import type { Chain, DispatchMap, Hook, Rule } from '../../rules/model.ts';
import { expandDispatch } from './expand-dispatch.ts';
import { expandLookUp } from './expand-look-up.ts';
import { renderRule, type PlainRule } from './render-rule.ts';

/** One rule as iptables takes it. */
export interface RenderedRule {
  readonly hash: string;
  /** What follows `-A <chain> `. */
  readonly text: string;
}

export interface RenderedChain {
  readonly name: string;
  readonly rules: readonly RenderedRule[];
}

export interface ChainContext {
  readonly family: Family;
  readonly dispatchMap: (name: string) => DispatchMap;
}

/** Starts the comment of every rule of ours; its hash follows. */
export const TAG_PREFIX = 'cali:';

const HASH_LENGTH = 16;

/** The chain, and those that its look-ups of interfaces lead to. */
export function renderChain(chain: Chain, context: ChainContext): readonly RenderedChain[] {
  const parts = expandDispatch(chain.name, chain.rules, context.dispatchMap);
  return parts.map(({ name, rules }) => ({ name, rules: renderRules(name, rules, context.family) }));
}

/** A chain that drops everything, in place of one that iptables refuses. */
export function renderRefusal(name: string, family: Family): RenderedChain {
  const rules = renderRules(name, [{ matches: [], action: { kind: 'drop' }, comment: 'Refused by iptables' }], family);
  return { name, rules };
}

/** The rules of a built-in chain: those that go first and those that go last. */
export function renderHook(
  hook: Hook,
  family: Family,
): { first: readonly RenderedRule[]; last: readonly RenderedRule[] } {
  const name = hook.hook.toUpperCase();
  return {
    first: renderRules(name, hook.rules, family),
    last: renderRules(`${name} end`, hook.appendedRules, family),
  };
}

function renderRules(chain: string, rules: readonly Rule[], family: Family): readonly RenderedRule[] {
  const rendered: RenderedRule[] = [];
  let digest = createHash('sha224').update(chain).digest();
  for (const rule of rules.flatMap(expandLookUp)) {
    const text = renderRule(asPlain(rule), family);
    if (text === undefined) continue;
    digest = createHash('sha224').update(digest).update(text).digest();
    const hash = digest.toString('base64url').slice(0, HASH_LENGTH);
    rendered.push({ hash, text: `-m comment --comment "${TAG_PREFIX}${hash}" ${text}` });
  }
  return rendered;
}

function asPlain({ action, ...rest }: Rule): PlainRule {
  if (action.kind === 'dispatch' || action.kind === 'look-up') throw new Error(`${action.kind} is not in a chain`);
  return { ...rest, action };
}
