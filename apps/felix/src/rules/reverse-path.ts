import { familyOf, type Family } from '@calico-node/net';
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import { chain, rule } from './build.ts';
import { accept, matchInterface, matchNet } from './matches.ts';
import type { Chain } from './model.ts';
import { chainNames } from './names.ts';

/** Sources that an endpoint may use beside its own addresses (allowSpoofedSourcePrefixes): they skip the reverse-path check. */
export function renderReversePathSkip(
  endpoints: Iterable<Pick<LocalWorkloadEndpoint, 'interfaceName' | 'allowedSourcePrefixes'>>,
  family: Family,
): Chain {
  const allowed = [...endpoints]
    .filter(({ allowedSourcePrefixes }) => allowedSourcePrefixes.length > 0)
    .sort((a, b) => (a.interfaceName < b.interfaceName ? -1 : 1));
  const rules = allowed.flatMap(({ interfaceName, allowedSourcePrefixes }) =>
    allowedSourcePrefixes
      .filter((cidr) => familyOf(cidr) === family)
      .map((cidr) => rule([matchInterface('in', interfaceName), matchNet('source', cidr)], accept)),
  );
  return chain('raw', chainNames.reversePathSkip, rules);
}
