import {
  decideAnnouncement,
  evaluateFilters,
  type ExtraCommunities,
  type Filter,
  type FilterSubject,
  type PrefixView,
} from '@calico-node/bgp';
import type { DaemonConfig } from '../config/daemon-config.ts';
import type { ExportVerdict } from '../rib/update-group.ts';

const refused: ExportVerdict = { announce: false };
const accepted: ExportVerdict = { announce: true };

/** The filters of the given names; those that are gone are passed over. */
export function filtersOf(config: DaemonConfig, names: readonly string[]): Filter[] {
  return names.flatMap((name) => {
    const filter = config.filters.get(name);
    return filter === undefined ? [] : [filter];
  });
}

/**
 * Whether a route goes to peers with these export filters, as Calico's templates do it: the filters first,
 * and where none decides, the node's announce rules (calico-confd 6.3 and 6.4).
 */
export function decideExport(
  config: DaemonConfig,
  filters: readonly Filter[],
  subject: FilterSubject,
  toInternalPeer: boolean,
): ExportVerdict {
  const verdict = evaluateFilters(filters, subject);
  if (verdict === 'reject') return refused;
  if (verdict === undefined && !decideAnnouncement(config.announce, subject, toInternalPeer).announce) return refused;
  const extra = communitiesFor(config, subject.prefix);
  return extra === undefined ? accepted : { announce: true, extra };
}

function communitiesFor(config: DaemonConfig, prefix: PrefixView): ExtraCommunities | undefined {
  if (config.prefixCommunities.length === 0) return undefined;
  const matching = config.prefixCommunities.filter((entry) => prefix.isIn(entry.prefix));
  if (matching.length === 0) return undefined;
  return {
    standard: matching.flatMap(({ communities }) => communities.standard),
    large: matching.flatMap(({ communities }) => communities.large),
  };
}
