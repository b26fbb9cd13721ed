import { accept, drop, reject, returnToCaller } from './matches.ts';
import type { Action, Layer } from './model.ts';
import type { RuleOptions } from './options.ts';

/** FilterDenyAction; the kernel rejects in the filter layer only, elsewhere packets are dropped. */
export function denyAction(options: RuleOptions, layer: Layer = 'filter'): Action {
  return options.filterDenyAction === 'REJECT' && layer === 'filter' ? reject : drop;
}

/** FilterAllowAction, in the mangle layer MangleAllowAction. */
export function allowAction(options: RuleOptions, layer: Layer = 'filter'): Action {
  const action = layer === 'mangle' ? options.mangleAllowAction : options.filterAllowAction;
  return action === 'RETURN' ? returnToCaller : accept;
}

/** What the deny action does, for comments. */
export function denyWord(options: RuleOptions, layer: Layer = 'filter'): string {
  return denyAction(options, layer).kind === 'reject' ? 'Reject' : 'Drop';
}
