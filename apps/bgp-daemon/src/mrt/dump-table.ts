import { encodePeerIndexTable, encodeRibRecord, type MrtEntry, type MrtPeer } from '@calico-node/bgp';
import { parseIp } from '@calico-node/net';
import type { Speaker } from '../speaker/speaker.ts';

/** Records are handed over in pieces of about this size. */
const pieceBytes = 1 << 16;
/** What the daemon itself originates or learns from the kernel has no peer's address. */
const ownAddress = parseIp('0.0.0.0');

/** The routing table as MRT (RFC 6396 4.3), piece by piece; stale and filtered paths are in it too. */
export function* dumpTable(speaker: Speaker, unixMs: number): Generator<Uint8Array> {
  const { config, neighbors } = speaker;
  if (config === undefined) return;
  const seconds = Math.floor(unixMs / 1000);
  const own: MrtPeer = { routerId: config.routerId, address: ownAddress, asn: config.localAs };
  const peers = neighbors.map(({ config: { address, remoteAs }, session }): MrtPeer => ({
    routerId: session?.remoteRouterId ?? 0,
    address,
    asn: remoteAs,
  }));
  yield encodePeerIndexTable(config.routerId, config.nodeName, [own, ...peers], seconds);
  // Peers that come while the dump runs are not in the index.
  const indexOf = new Map(neighbors.map(({ source }, index) => [source.id, index + 1]));
  let sequence = 0;
  let size = 0;
  let records: Uint8Array[] = [];
  for (const { prefix, paths, pathIdOf } of speaker.routes()) {
    const entries = paths.flatMap((path): MrtEntry[] => {
      const { source, set } = path;
      const peer = source.route.kind === 'bgp' ? indexOf.get(source.id) : 0;
      return peer === undefined
        ? []
        : [{ peer, originatedSeconds: seconds, pathId: pathIdOf(path) >>> 0, attributes: set.attributes }];
    });
    if (entries.length === 0) continue;
    const record = encodeRibRecord(sequence++, prefix, entries, seconds);
    records.push(record);
    size += record.length;
    if (size < pieceBytes) continue;
    yield Buffer.concat(records);
    records = [];
    size = 0;
  }
  yield Buffer.concat(records);
}
