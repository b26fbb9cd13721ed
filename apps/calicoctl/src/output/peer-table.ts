import type { BirdPeer } from '@calico-node/bird';
import { bgpV1, sessionStateNames } from '@calico-node/rpc';
import { asciiTable } from './ascii-table.ts';

const PEER_TYPES: Readonly<Record<bgpV1.PeerType, string>> = {
  [bgpV1.PeerType.UNSPECIFIED]: 'unknown',
  [bgpV1.PeerType.NODE_MESH]: 'node-to-node mesh',
  [bgpV1.PeerType.NODE]: 'node specific',
  [bgpV1.PeerType.GLOBAL]: 'global',
};

const COLUMNS = ['Peer address', 'Peer type', 'State', 'Since', 'Info'];

/** How long ago a change may be to be shown by its time of day: BIRD's `iso short`. */
const SHORT_TIME_MS = 20 * 3600 * 1000;

/** Calico's table of BGP sessions, in the order of the addresses. */
export function peerTable(peers: readonly bgpV1.Peer[], now: Date): string {
  const rows = peers
    .toSorted((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true }))
    .map((peer) => {
      const isUp = peer.state === bgpV1.SessionState.ESTABLISHED;
      const info = [sessionStateNames[peer.state], isUp ? '' : peer.lastError].filter((text) => text !== '').join(' ');
      return [
        peer.address,
        PEER_TYPES[peer.type],
        isUp ? 'up' : 'start',
        since(Number(peer.sinceUnixMillis), now),
        info,
      ];
    });
  return asciiTable(COLUMNS, rows);
}

const BIRD_TYPES: Readonly<Record<BirdPeer['type'], string>> = {
  mesh: PEER_TYPES[bgpV1.PeerType.NODE_MESH],
  node: PEER_TYPES[bgpV1.PeerType.NODE],
  global: PEER_TYPES[bgpV1.PeerType.GLOBAL],
};

/** The same of BIRD's sessions; times are as BIRD has them, without fractions of a second. */
export function birdPeerTable(peers: readonly BirdPeer[]): string {
  const rows = peers
    .toSorted((a, b) => a.address.localeCompare(b.address, 'en', { numeric: true }))
    .map(({ address, type, state, since: at, info }) => [
      address,
      BIRD_TYPES[type],
      state,
      at.replace(/\.\d+$/, ''),
      info,
    ]);
  return asciiTable(COLUMNS, rows);
}

/** The local time of day of the last hours, the date of what is older. */
function since(unixMillis: number, now: Date): string {
  const at = new Date(unixMillis);
  const two = (part: number): string => String(part).padStart(2, '0');
  if (now.getTime() - unixMillis < SHORT_TIME_MS) {
    return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  }
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
