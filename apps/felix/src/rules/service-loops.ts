import { familyOf, type Cidr, type Family } from '@calico-node/net';
import { chain, rule } from './build.ts';
import { drop, matchNet, reject } from './matches.ts';
import type { Chain } from './model.ts';
import { chainNames } from './names.ts';
import type { RuleOptions } from './options.ts';

/**
 * Ends what is still on its way to a service's address when it is about to be forwarded: nobody on this node has
 * translated it, so it would go back to the router that sent it here, and round in circles.
 */
export function renderServiceLoopChain(cidrs: readonly Cidr[], family: Family, options: RuleOptions): Chain {
  const { serviceLoopPrevention } = options;
  const action = serviceLoopPrevention === 'Reject' ? reject : drop;
  const blocked = serviceLoopPrevention === 'Disabled' ? [] : cidrs.filter((cidr) => familyOf(cidr) === family);
  const rules = blocked.map((cidr) => rule([matchNet('destination', cidr)], action));
  return chain('filter', chainNames.serviceLoops, rules);
}
