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
  /** Kept for a neighbour that restarts. */
  readonly isStale: boolean;
  /** What decides first: the larger one is used. */
  readonly preference: number;
  /** BGP's attributes by BIRD's names for them (`as_path`, `local_pref`), in its words; none without `all`. */
  readonly attributes: ReadonlyMap<string, string>;
}

/** `10.65.1.0/26  unicast [Mesh_10_0_0_2 04:57:17.840 from 10.0.0.3] * (100/?) [i]`. */
const HEAD =
  /^(\S*)\s+(?:unicast|blackhole|unreachable|prohibited)\s+\[(\S+) [^\]]*?(?:from (\S+))?\] ?(\*)? ?\((\d+)(s?)/;
const HOP = /^\s+(?:via (\S+) on (\S+)|dev (\S+))/;
const ATTRIBUTE = /^\tBGP\.(\w+): ?(.*)$/;

type Hop = Pick<BirdRoute, 'gateway' | 'interfaceName'>;

interface Draft {
  readonly route: Omit<BirdRoute, keyof Hop | 'attributes'>;
  attributes?: Map<string, string>;
  hop?: Hop;
}

const noHop: Hop = { gateway: undefined, interfaceName: undefined };
const noAttributes: BirdRoute['attributes'] = new Map();

/** Reads the answer to `show route`. Of a route with several next hops, the first is given. */
export function parseBirdRoutes(lines: readonly ReplyLine[]): readonly BirdRoute[] {
  const drafts: Draft[] = [];
  let destination: Cidr | undefined;
  for (const { text } of lines) {
    const head = HEAD.exec(text);
    if (head !== null) {
      // Further routes to the same destination have none of their own.
      destination = head[1] === '' ? destination : tryParseCidr(head[1] ?? '');
      if (destination !== undefined) drafts.push(draftOf(head, destination));
      continue;
    }
    const draft = destination === undefined ? undefined : drafts.at(-1);
    if (draft === undefined) continue;
    const [, name, value = ''] = ATTRIBUTE.exec(text) ?? [];
    if (name !== undefined) (draft.attributes ??= new Map()).set(name, value.trim());
    const hop = HOP.exec(text);
    if (hop !== null) draft.hop ??= { gateway: tryParseIp(hop[1] ?? ''), interfaceName: hop[2] ?? hop[3] };
  }
  return drafts.map(({ route, hop = noHop, attributes = noAttributes }) => ({ ...route, ...hop, attributes }));
}

function draftOf(head: RegExpExecArray, destination: Cidr): Draft {
  const [, , protocol = '', from, best, preference, stale] = head;
  return {
    route: {
      destination,
      protocol,
      from: tryParseIp(from?.split('%')[0] ?? ''),
      isBest: best === '*',
      isStale: stale === 's',
      preference: Number(preference),
    },
  };
}
