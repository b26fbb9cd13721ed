import { tabTable } from '../../output/tab-table.ts';
import type { RouteRow } from './daemon.ts';

/** Routes in a table; `*` marks the best path of each prefix, `s` one kept for a peer that restarts. */
export function routeTable(routes: readonly RouteRow[]): string {
  const rows = routes.map((route) => [
    `${route.best ? '*' : ' '}${route.stale ? 's' : ' '} ${route.prefix}`,
    route.nextHop === '' ? '-' : route.nextHop,
    route.source,
    route.localPref === undefined ? '-' : String(route.localPref),
    route.med === undefined ? '-' : String(route.med),
    `${route.asPath} ${route.origin === 'Incomplete' ? '?' : route.origin.slice(0, 1).toLowerCase()}`.trim(),
    route.communities.join(' '),
  ]);
  return tabTable(['   PREFIX', 'NEXT-HOP', 'SOURCE', 'LOCAL-PREF', 'MED', 'PATH', 'COMMUNITIES'], rows);
}
