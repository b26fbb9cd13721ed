import { familyOf, type Family } from '@calico-node/net';
import type { Speaker } from '../derive/derive.ts';
import { addressOf } from '../derive/bgp-node.ts';
import type { Complain } from '../derive/resources.ts';
import type { Settings } from '../derive/settings.ts';
import { addCommunity, birdCommunity } from './community.ts';
import { debugging } from './debugging.ts';
import { filterFunctions } from './filter-functions.ts';
import { hasOwnMetrics, kernelPreference } from './priority.ts';
import { familySessions, hasDirectBfd, sessionProtocol, sessionTemplate } from './sessions.ts';
import { block, document, functionOf, plain, quote, type Lines } from './syntax.ts';

/** Workload and kube-proxy interfaces, whose addresses are nobody's way to anywhere. */
const IGNORED_INTERFACES = ['cali*', 'kube-ipvs*'];

/** `bird.cfg` or `bird6.cfg` (calico-confd 6.3). The two files that it includes lie in its directory. */
export function renderMainFile(node: Speaker, family: Family, includes: readonly string[], complain: Complain): string {
  const functions = filterFunctions(node, family, complain);
  const sessions = familySessions(node, family, complain);
  return document(
    [`# IPv${family} routing of node ${plain(node.me.name)}. Written by confd: changes made here are lost.`],
    applyCommunities(node.settings, family),
    includes.map((file) => `include "${file}";`),
    [`router id ${node.routerId};`],
    kernelProtocol(node, family),
    block('protocol device', [...debugging(node.settings.logLevel), 'scan time 2;']),
    directProtocol(node.settings, family, complain),
    ...(addressOf(node.me, family) === undefined
      ? [[`# The node has no IPv${family} address for BGP, hence no sessions.`]]
      : [
          ...(sessions.some((session) => hasDirectBfd(session, node.me)) ? [bfdProtocol(family)] : []),
          sessionTemplate(node, family),
          ...functions.sections,
          ...sessions.map((session) => sessionProtocol(session, node, functions, complain)),
        ]),
  );
}

/** Communities that leave with a prefix, and with all that lies in it. */
function applyCommunities({ prefixCommunities }: Settings, family: Family): Lines {
  const body = prefixCommunities
    .filter(({ prefix }) => familyOf(prefix) === family)
    .flatMap(({ prefix, communities }) => {
      const additions = communities.flatMap((text) => birdCommunity(text) ?? []).map(addCommunity);
      return additions.length === 0 ? [] : [`if ( net ~ ${prefix} ) then { ${additions.join(' ')} }`];
    });
  return functionOf('apply_communities', '', body);
}

function kernelProtocol({ filters, settings }: Speaker, family: Family): Lines {
  return block('protocol kernel', [
    'learn; # What Felix and the administrator route.',
    'persist; # Traffic goes on without BIRD.',
    'scan time 2;',
    'graceful restart;',
    'merge paths on; # ECMP',
    ...(hasOwnMetrics(filters, family) ? ['metric 0; # Each route has its own, or none.'] : []),
    ...block(
      `ipv${family}`,
      [
        ...block('import filter', kernelPreference(settings.normalPriority[family], family), ';'),
        'export filter calico_kernel_programming;',
      ],
      ';',
    ),
  ]);
}

/** The other family has a BIRD of its own. */
function bfdProtocol(family: Family): Lines {
  return block('protocol bfd', [
    `accept ipv${family} direct;`,
    ...block('interface "*"', ['interval 300 ms;', 'multiplier 3;'], ';'),
  ]);
}

function directProtocol(settings: Settings, family: Family, complain: Complain): Lines {
  return block('protocol direct', [
    ...debugging(settings.logLevel),
    `ipv${family};`,
    `interface ${directInterfaces(settings, complain)};`,
  ]);
}

/** The interfaces whose networks are known, as BIRD's list of patterns. */
export function directInterfaces({ ignoredInterfaces }: Settings, complain: Complain): string {
  const ignored = [...ignoredInterfaces, ...IGNORED_INTERFACES].flatMap((pattern) => {
    const literal = quote(pattern);
    if (literal === undefined) complain('BGPConfiguration', 'an unreadable pattern in ignoredInterfaces is left out');
    return literal === undefined ? [] : [`-${literal}`];
  });
  return [...ignored, '"*"'].join(', ');
}
