import { bgpBackendOf } from '@calico-node/bird';
import type { Source } from './sources.ts';

/**
 * What the node's BGP daemon leaves to Felix, where nobody says otherwise. BIRD 2 can't route into a tunnel, so the
 * routes of IPIP pools are Felix's beside it, as by default in Calico's newest releases.
 */
export function fromBgpBackend(env: Readonly<Record<string, string | undefined>>): Source {
  const isBird = bgpBackendOf(env) === 'bird';
  return { name: 'the back end BIRD 2', values: new Map(isBird ? [['ProgramClusterRoutes', 'EnabledIPIPOnly']] : []) };
}
