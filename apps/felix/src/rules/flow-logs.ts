/**
 * What rules tell the netlink log of a packet: its prefix says which rule, as Calico's do (`felix/rules/nflog.go`).
 *
 *   API0|gnp/web   action (Allow, Deny, Pass), owner (Policy, pRofile), direction (Ingress, Egress), index | owner
 *   DPI|default    a tier's default action
 *   DRI            no profile allowed it
 */
import { limitedId } from '@calico-node/model';
import type { PolicyId } from '../calc/policy-id.ts';
import type { ParsedRule } from '../calc/parsed-rule.ts';
import type { Action } from './model.ts';
import type { Direction } from './names.ts';

/** Whose rule it is. */
export type FlowLogOwner =
  { readonly type: 'policy'; readonly id: PolicyId } | { readonly type: 'profile'; readonly id: string };

type FlowLog = Extract<Action, { readonly kind: 'flow-log' }>;

/** The netlink log groups, Calico's own. */
export const flowLogGroups = { ingress: 1, egress: 2 } as const satisfies Record<Direction, number>;

/** What iptables takes as a prefix; longer ones are hashed, and those of just that length too, which could be taken for a hash. */
const MAX_LENGTH = 63;
/** What is kept of a hashed one's ends. */
const END_LENGTH = 10;

const actionLetters = { allow: 'A', deny: 'D', pass: 'P', log: 'L' } as const;

/** A packet has met the rule at that place of its owner's list. */
export function flowLogOfRule(
  owner: FlowLogOwner,
  direction: Direction,
  index: number,
  action: ParsedRule['action'],
): FlowLog {
  const letters = `${actionLetters[action]}${owner.type === 'policy' ? 'P' : 'R'}${letterOf(direction)}`;
  return flowLog(direction, `${letters}${index}|${owner.id}`);
}

/** None of the tier's policies has decided. */
export function flowLogOfTierEnd(outcome: 'deny' | 'pass', direction: Direction, tier: string): FlowLog {
  return flowLog(direction, `${actionLetters[outcome]}P${letterOf(direction)}|${tier}`);
}

/** No profile has allowed it. */
export function flowLogOfNoProfile(direction: Direction): FlowLog {
  return flowLog(direction, `DR${letterOf(direction)}`);
}

function flowLog(direction: Direction, prefix: string): FlowLog {
  return { kind: 'flow-log', group: flowLogGroups[direction], prefix: shorten(prefix) };
}

function letterOf(direction: Direction): 'I' | 'E' {
  return direction === 'ingress' ? 'I' : 'E';
}

function shorten(prefix: string): string {
  if (prefix.length < MAX_LENGTH) return prefix;
  const hash = limitedId('', prefix, MAX_LENGTH - 2 * END_LENGTH - 1);
  return `${prefix.slice(0, END_LENGTH)}${hash}_${prefix.slice(-END_LENGTH)}`;
}
