import {
  decideAnnouncement,
  evaluateFilters,
  type AnnounceReason,
  type ExtraCommunities,
  type Filter,
  type FilterSubject,
  type PrefixView,
} from '@calico-node/bgp';
import type { DaemonConfig } from '../config/daemon-config.ts';
import type { ExportVerdict } from '../rib/update-group.ts';

const rejected: ExportVerdict = { announce: false, reason: 'an export filter rejects it' };
const accepted: ExportVerdict = { announce: true, reason: 'an export filter accepts it' };

/** What Calico's own rules come to, in words. */
const verdicts: Readonly<Record<AnnounceReason, ExportVerdict>> = {
  'never-announce': { announce: false, reason: 'it is in a pool whose export is disabled' },
  'ignored-interface': { announce: false, reason: 'it leads to an ignored interface' },
  'overlay-interface': { announce: false, reason: 'it leads to an overlay device of this node' },
  'covered-by-aggregate': { announce: false, reason: 'it is covered by a block of this node' },
  'not-within': { announce: false, reason: 'it is in none of the pools and ranges that are announced' },
  aggregate: { announce: true, reason: 'it is a block of this node' },
  originated: { announce: true, reason: 'this node originates it' },
  within: { announce: true, reason: 'it is in a pool or range that is announced' },
};

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
  if (verdict === 'reject') return rejected;
  const decided =
    verdict === undefined ? verdicts[decideAnnouncement(config.announce, subject, toInternalPeer).reason] : accepted;
  if (!decided.announce) return decided;
  const extra = communitiesFor(config, subject.prefix);
  return extra === undefined ? decided : { ...decided, extra };
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
