import { readSysctl, writeSysctl, type NetnsRef } from '@calico-node/netlink';
import { NflogSocket } from '@calico-node/netlink/nflog';
import type { PolicyPacket } from '@calico-node/policy';
import { cookieOffset, decodeEnds, type ProbeMark, type SeenEnds } from './probe-packet.ts';

/** The group that the legacy packet filter's traces go to. */
const TRACE_LOG_GROUP = 0;
const LOGGED_BYTES = 128;

export interface LegacyTrace extends Disposable {
  /** Why nothing is heard; else ''. */
  readonly gap: string;
}

/**
 * Hears what the legacy packet filter tells of the probe's trace. It goes wherever the host's packet log goes, which is
 * to us for as long as this is open.
 */
export function listenToLegacy(
  packet: PolicyPacket,
  mark: ProbeMark,
  netns: NetnsRef | undefined,
  onLine: (prefix: string, ends: SeenEnds | undefined) => void,
): LegacyTrace {
  const where = netns === undefined ? {} : { netns };
  const sysctl = `net/netfilter/nf_log/${packet.family === 4 ? 2 : 10}`;
  try {
    const before = readSysctl(sysctl, where);
    const socket = NflogSocket.open({
      ...where,
      group: TRACE_LOG_GROUP,
      bytes: LOGGED_BYTES,
      onPacket: ({ prefix, headers }) => {
        if (!isProbe(headers, packet, mark)) return;
        onLine(prefix, decodeEnds(packet, headers, headers.subarray(headerBytesOf(packet))));
      },
      onOverrun: () => undefined,
    });
    try {
      writeSysctl(sysctl, 'nfnetlink_log', where);
    } catch (error) {
      socket.close();
      throw error;
    }
    return {
      gap: '',
      [Symbol.dispose]: () => {
        writeSysctl(sysctl, before, where);
        socket.close();
      },
    };
  } catch (error) {
    const gap = `iptables' trace cannot be heard: ${error instanceof Error ? error.message : String(error)}`;
    return { gap, [Symbol.dispose]: () => undefined };
  }
}

function isProbe(headers: Uint8Array, { family, protocol }: PolicyPacket, { id, cookie }: ProbeMark): boolean {
  const view = new DataView(headers.buffer, headers.byteOffset, headers.byteLength);
  const idAt = family === 4 ? 4 : 2;
  const cookieAt = headerBytesOf({ family }) + cookieOffset(protocol);
  return view.byteLength >= cookieAt + 4 && view.getUint16(idAt) === id && view.getUint32(cookieAt) === cookie;
}

/** Of the IP header, which has no options in a probe. */
function headerBytesOf({ family }: Pick<PolicyPacket, 'family'>): number {
  return family === 4 ? 20 : 40;
}
