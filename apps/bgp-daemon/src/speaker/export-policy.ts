import { decideAnnouncement, evaluateFilters, type ExtraCommunities, type Filter } from '@calico-node/bgp';
import { cidrContains, type Cidr } from '@calico-node/net';
import type { DaemonConfig } from '../config/daemon-config.ts';
import type { PathView } from '../rib/rib.ts';
import type { ExportVerdict } from '../rib/update-group.ts';

const refused: ExportVerdict = { announce: false };

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
  prefix: Cidr,
  path: PathView,
  toInternalPeer: boolean,
): ExportVerdict {
  const subject = { prefix, fromPeer: path.source.route.kind === 'bgp', interfaceName: path.interfaceName };
  const verdict = evaluateFilters(filters, subject);
  if (verdict === 'reject') return refused;
  if (verdict === undefined && !decideAnnouncement(config.announce, subject, toInternalPeer).announce) return refused;
  return { announce: true, extra: communitiesFor(config, prefix) };
}

function communitiesFor(config: DaemonConfig, prefix: Cidr): ExtraCommunities | undefined {
  const matching = config.prefixCommunities.filter((entry) => cidrContains(entry.prefix, prefix));
  if (matching.length === 0) return undefined;
  return {
    standard: matching.flatMap(({ communities }) => communities.standard),
    large: matching.flatMap(({ communities }) => communities.large),
  };
}
