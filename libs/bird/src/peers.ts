import { tryParseIp, type IpAddress } from '@calico-node/net';
import type { ReplyLine } from './reply.ts';

export type BirdPeerType = 'mesh' | 'node' | 'global';

/** A BGP session, whoever configured it. */
export interface BirdSession {
  /** The protocol's name, such as `Mesh_10_0_0_2`. */
  readonly name: string;
  /** What made confd configure it; undefined for sessions of others, and those with workloads. */
  readonly type: BirdPeerType | undefined;
  readonly address: IpAddress;
  readonly remoteAs: number;
  /** The protocol's state: `up`, `start`, `down`. */
  readonly state: string;
  /** As BIRD writes times: the time of day, or the date of what is older. */
  readonly since: string;
  /** The session's state and what went wrong last: `Established`, `Active Socket: Connection refused`. */
  readonly info: string;
  /** `Idle`, `Connect`, `Active`, `OpenSent`, `OpenConfirm`, `Established`, `Close`, `Passive` or `Down`. */
  readonly sessionState: string;
  /** The routes that it has let in, and those that it tells. */
  readonly imported: number;
  readonly exported: number;
  /** What ended it last; empty when nothing has. */
  readonly lastError: string;
}

/** One of the sessions of the mesh and of BGPPeers between nodes and with others. */
export type BirdPeer = BirdSession & { readonly type: BirdPeerType };

const types: Readonly<Record<string, BirdPeerType>> = { Mesh_: 'mesh', Node_: 'node', Global_: 'global' };
const protocolCode = 1002;

interface Block {
  readonly head: string;
  readonly details: string[];
}

/** A protocol's line with the lines that go into detail. The first continues nothing, so all begin alike. */
function blocksOf(lines: readonly ReplyLine[]): readonly Block[] {
  const blocks: Block[] = [];
  for (const { code, text } of lines) {
    if (code === protocolCode) blocks.push({ head: text, details: [] });
    else blocks.at(-1)?.details.push(text.trim());
  }
  return blocks;
}

function sessionOf({ head, details }: Block): BirdSession | undefined {
  const [name = '', protocol, , state = '', since = '', ...info] = head.trim().split(/\s+/);
  if (protocol !== 'BGP') return undefined;
  const detail = (label: string): string | undefined => {
    const line = details.find((candidate) => candidate.startsWith(label));
    return line?.slice(label.length).trim();
  };
  // A link-local neighbour's address ends with its interface.
  const address = tryParseIp(detail('Neighbor address:')?.split('%')[0] ?? '');
  if (address === undefined) return undefined;
  const [, imported = '0', exported = '0'] = /^(\d+) imported,.* (\d+) exported/.exec(detail('Routes:') ?? '') ?? [];
  return {
    name,
    type: Object.entries(types).find(([prefix]) => name.startsWith(prefix))?.[1],
    address,
    remoteAs: Number(detail('Neighbor AS:') ?? 0),
    state,
    since,
    info: info.join(' '),
    sessionState: detail('BGP state:') ?? info[0] ?? '',
    imported: Number(imported),
    exported: Number(exported),
    lastError: detail('Last error:') ?? '',
  };
}

/** All BGP sessions in the answer to `show protocols all`. */
export function parseBirdSessions(lines: readonly ReplyLine[]): readonly BirdSession[] {
  return blocksOf(lines).flatMap((block) => sessionOf(block) ?? []);
}

/** Those of them that Calico's table of peers has: of the mesh, and of BGPPeers but for workloads'. */
export function parseBirdPeers(lines: readonly ReplyLine[]): readonly BirdPeer[] {
  return parseBirdSessions(lines).filter((session): session is BirdPeer => session.type !== undefined);
}
