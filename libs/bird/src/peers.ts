import { tryParseIp, type IpAddress } from '@calico-node/net';
import type { ReplyLine } from './reply.ts';

export type BirdPeerType = 'mesh' | 'node' | 'global';

/** One of the sessions that confd configures. */
export interface BirdPeer {
  /** The protocol's name, such as `Mesh_10_0_0_2`. */
  readonly name: string;
  readonly type: BirdPeerType;
  readonly address: IpAddress;
  /** The protocol's state: `up`, `start`, `down`. */
  readonly state: string;
  /** As BIRD writes times: the time of day, or the date of what is older. */
  readonly since: string;
  /** The session's state and what went wrong last: `Established`, `Active Socket: Connection refused`. */
  readonly info: string;
  /** `Idle`, `Connect`, `Active`, `OpenSent`, `OpenConfirm`, `Established`, `Close`, `Passive` or `Down`. */
  readonly sessionState: string;
}

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

function peerOf({ head, details }: Block): BirdPeer | undefined {
  const [name = '', protocol, , state = '', since = '', ...info] = head.trim().split(/\s+/);
  const type = Object.entries(types).find(([prefix]) => name.startsWith(prefix))?.[1];
  if (protocol !== 'BGP' || type === undefined) return undefined;
  const detail = (label: string): string | undefined => {
    const line = details.find((candidate) => candidate.startsWith(label));
    return line?.slice(label.length).trim();
  };
  // A link-local neighbour's address ends with its interface.
  const address = tryParseIp(detail('Neighbor address:')?.split('%')[0] ?? '');
  if (address === undefined) return undefined;
  return {
    name,
    type,
    address,
    state,
    since,
    info: info.join(' '),
    sessionState: detail('BGP state:') ?? info[0] ?? '',
  };
}

/** The sessions in the answer to `show protocols all`; other protocols, and sessions not of confd, are left out. */
export function parseBirdPeers(lines: readonly ReplyLine[]): readonly BirdPeer[] {
  return blocksOf(lines).flatMap((block) => peerOf(block) ?? []);
}
