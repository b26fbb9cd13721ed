import { tryParseCidr, tryParseIp, type Cidr, type IpAddress } from '@calico-node/net';
import type { ReplyLine } from './reply.ts';

/** A route in one of BIRD's tables. */
export interface BirdRoute {
  readonly destination: Cidr;
  /** undefined for networks on a link, and for those that lead nowhere. */
  readonly gateway: IpAddress | undefined;
  readonly interfaceName: string | undefined;
  /** The protocol that it is from: `kernel1`, `static1`, `Mesh_10_0_0_2`. */
  readonly protocol: string;
  /** The neighbour that told of it. */
  readonly from: IpAddress | undefined;
  /** BIRD's choice among the routes to this destination. */
  readonly isBest: boolean;
}

interface Head {
  readonly destination: Cidr;
  readonly protocol: string;
  readonly from: IpAddress | undefined;
  readonly isBest: boolean;
}

/** `10.65.1.0/26  unicast [Mesh_10_0_0_2 04:57:17.840 from 10.0.0.3] * (100/?) [i]`. */
const head = /^(\S*)\s+(?:unicast|blackhole|unreachable|prohibited)\s+\[(\S+) [^\]]*?(?:from (\S+))?\] ?(\*)?/;

/** Reads the answer to `show route`. Of a route with several next hops, the first is given. */
export function parseBirdRoutes(lines: readonly ReplyLine[]): readonly BirdRoute[] {
  const routes: BirdRoute[] = [];
  let current: Head | undefined;
  let destination: Cidr | undefined;
  let hasHop = false;
  const finish = (): void => {
    if (current !== undefined && !hasHop) routes.push({ ...current, gateway: undefined, interfaceName: undefined });
    current = undefined;
    hasHop = false;
  };
  for (const { text } of lines) {
    const match = head.exec(text);
    if (match !== null) {
      finish();
      // Further routes to the same destination have none of their own.
      destination = match[1] === '' ? destination : tryParseCidr(match[1] ?? '');
      if (destination === undefined) continue;
      const from = tryParseIp(match[3]?.split('%')[0] ?? '');
      current = { destination, protocol: match[2] ?? '', from, isBest: match[4] === '*' };
      continue;
    }
    const hop = /^\s+(?:via (\S+) on (\S+)|dev (\S+))/.exec(text);
    if (hop === null || current === undefined || hasHop) continue;
    hasHop = true;
    const gateway = tryParseIp(hop[1] ?? '');
    routes.push({ ...current, gateway, interfaceName: hop[2] ?? hop[3] });
  }
  finish();
  return routes;
}
