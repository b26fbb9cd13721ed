import type { Family } from '@calico-node/net';
import type { NodeBgp } from '../derive/derive.ts';
import { isConfirmed, type Prefixes } from '../derive/prefixes.ts';
import { isSingleAddress, type BlockClaim } from '../derive/resources.ts';
import { ofFamily } from './ipam-file.ts';
import { isElevated, usualMetric } from './priority.ts';
import { block, document, functionOf, plain, type Lines } from './syntax.ts';

/**
 * `bird_aggr.cfg` or `bird6_aggr.cfg` (calico-confd 6.5): this node's blocks are announced as a whole, their
 * addresses kept; addresses that no workload has end here.
 */
export function renderAggrFile(node: NodeBgp, family: Family): string {
  const ours = ofFamily(node.prefixes, family);
  const [metric] = usualMetric(node.filters, family);
  const urgent = isElevated(node.settings.normalPriority[family], family);
  return document(
    staticProtocol(ours, family, metric),
    functionOf(
      'calico_aggr',
      '',
      ours.blocks.flatMap((claim) => aggregate(claim, urgent)),
    ),
  );
}

function staticProtocol({ blocks, services, peerRoutes }: Prefixes, family: Family, metric: string | undefined): Lines {
  const end = metric === undefined ? ';' : ` { ${metric} };`;
  const aggregates = blocks.filter((claim) => isConfirmed(claim) && !isSingleAddress(claim.cidr));
  const routes = [
    ...section(
      "# This node's blocks.",
      aggregates.map(({ cidr }) => `route ${cidr} blackhole${end}`),
    ),
    ...section(
      '# Service addresses.',
      services.map((cidr) => `route ${cidr} blackhole${end}`),
    ),
    ...section(
      '# The way to peers.',
      peerRoutes.map(({ cidr, via }) => `route ${cidr} via ${via}${end}`),
    ),
  ];
  return routes.length === 0 ? [] : block('protocol static', [`ipv${family};`, ...routes]);
}

function section(comment: string, routes: Lines): Lines {
  return routes.length === 0 ? [] : [comment, ...routes];
}

/** @param urgent the condition that a route leaves though it is in the block */
function aggregate(claim: BlockClaim, urgent: string): Lines {
  const { cidr, state } = claim;
  const comment = `# Block ${cidr} is ${state === '' ? 'implicitly confirmed' : plain(state)}`;
  if (!isConfirmed(claim)) return [comment];
  return [
    comment,
    `if ( net = ${cidr} ) then { accept; }`,
    ...(isSingleAddress(cidr) ? [] : [`if ( net ~ ${cidr} && ${urgent} ) then { accept; }`]),
    `if ( net ~ ${cidr} ) then { reject; }`,
  ];
}
