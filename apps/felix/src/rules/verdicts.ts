import { accept, drop, reject, returnToCaller } from './matches.ts';
import type { Action } from './model.ts';
import type { RuleOptions } from './options.ts';

/** FilterDenyAction. */
export function denyAction(options: RuleOptions): Action {
  return options.filterDenyAction === 'REJECT' ? reject : drop;
}

/** FilterAllowAction. */
export function allowAction(options: RuleOptions): Action {
  return options.filterAllowAction === 'RETURN' ? returnToCaller : accept;
}
