/**
 * A packet that is to come in by an interface is sent out by a helper of ours (a veth), which traffic control turns
 * round: it arrives there as if the interface's other end had sent it, with no need to enter anybody's namespace. The
 * host's own packet is sent by a raw socket.
 */
import {
  createVeth,
  deleteLink,
  RouteSocket,
  setLink,
  writeSysctl,
  type Link,
  type NetnsRef,
} from '@calico-node/netlink';
import { addTrafficHooks, FrameSender, PacketSender, redirectToIngress } from '@calico-node/netlink/inject';
import type { PolicyPacket } from '@calico-node/policy';

/** The interface that a probe comes in by, or the host itself as its sender. */
export type ProbeEntry = Pick<Link, 'index' | 'mac'> | 'from-host';

export interface ProbeSenderOptions {
  readonly netns?: NetnsRef;
  /** Two names, of interfaces that are made for the probe and deleted after it. */
  readonly helpers: readonly [string, string];
}

export interface ProbeSender extends AsyncDisposable {
  /** From the IP header on. */
  send(bytes: Uint8Array): void;
}

/** @throws NetlinkError or SyscallError when the kernel lacks what it takes, or refuses it; nothing is left then. */
export async function openProbeSender(
  packet: PolicyPacket,
  into: ProbeEntry,
  { netns, helpers }: ProbeSenderOptions,
): Promise<ProbeSender> {
  const where = netns === undefined ? {} : { netns };
  if (into === 'from-host') {
    const sender = new PacketSender(where);
    return {
      send: (bytes) => sender.send(packet.destination, bytes),
      [Symbol.asyncDispose]: () => {
        sender.close();
        return Promise.resolve();
      },
    };
  }
  const route = RouteSocket.open(where);
  const [name, peer] = helpers;
  try {
    // One that a Felix left which was killed.
    await route.executeAsync([deleteLink({ name })]);
    route.apply([createVeth({ name, peer: { name: peer } })]);
    // An interface that comes up greets its IPv6 neighbours, which would arrive at the workload's.
    forgoIpv6(name, where);
    route.apply([setLink({ name, up: true })]);
    const index = route.getLink(name)?.index ?? 0;
    route.apply([addTrafficHooks(index), redirectToIngress(index, into.index)]);
    const sender = new FrameSender(index, where);
    const etherType = packet.family === 4 ? [0x08, 0x00] : [0x86, 0xdd];
    const header = [...macBytes(into.mac), 2, 0, 0, 0, 0, 1, ...etherType];
    return {
      send: (bytes) => {
        sender.send(Uint8Array.from([...header, ...bytes]));
      },
      [Symbol.asyncDispose]: async () => {
        sender.close();
        await route.executeAsync([deleteLink({ name })]);
        route.close();
      },
    };
  } catch (error) {
    await route.executeAsync([deleteLink({ name })]);
    route.close();
    throw error;
  }
}

function macBytes(mac: Link['mac']): readonly number[] {
  return mac === undefined ? [0, 0, 0, 0, 0, 0] : mac.split(':').map((byte) => parseInt(byte, 16));
}

function forgoIpv6(name: string, where: { readonly netns?: NetnsRef }): void {
  try {
    writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, 1, where);
  } catch {
    // A kernel without IPv6.
  }
}
