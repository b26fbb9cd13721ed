import { createVeth, deleteLink, NetlinkError, type Link, type Netns, type RouteSocket } from '@calico-node/netlink';
import type { Mac } from '@calico-node/net';
import { WireError } from './wire-error.ts';

/** The two ends of a workload's interface. */
export interface Pair {
  readonly host: Link;
  readonly workload: Link;
  /** It was made just now, as it was asked for: nothing in it has to be looked at or put right. */
  readonly isNew: boolean;
}

export interface PairSpec {
  readonly hostName: string;
  readonly workloadName: string;
  readonly mtu: number;
  readonly queues?: number;
  readonly hostMac: Mac;
  /** The kernel chooses one when absent. */
  readonly workloadMac: Mac | undefined;
  /** What the names of our interfaces on the host start with. */
  readonly prefixes: readonly string[];
}

/** The pair as it stands, when both ends are there and belong to each other. */
export function findPair(host: RouteSocket, workload: RouteSocket, hostName: string, name: string): Pair | undefined {
  const [hostEnd, workloadEnd] = [host.getLink(hostName), workload.getLink(name)];
  if (hostEnd?.kind !== 'veth' || workloadEnd?.kind !== 'veth') return undefined;
  const isPaired = hostEnd.peerIndex === workloadEnd.index && workloadEnd.peerIndex === hostEnd.index;
  return isPaired ? { host: hostEnd, workload: workloadEnd, isNew: false } : undefined;
}

/** Deletes an interface off the main thread (it takes the kernel 20 to 30 ms). One that is gone is well. */
export async function removeLink(socket: RouteSocket, link: Pick<Link, 'index'>): Promise<void> {
  const [error] = await socket.executeAsync([deleteLink({ index: link.index })]);
  if (error instanceof NetlinkError && error.code === 'ENODEV') return;
  if (error !== undefined) throw error;
}

/**
 * The host's end of a workload's interface, when it is one of ours; undefined otherwise. Indices are unique
 * per namespace only, so the two ends have to name each other.
 */
export function ownHostEnd(host: RouteSocket, workloadEnd: Link, prefixes: readonly string[]): Link | undefined {
  if (workloadEnd.kind !== 'veth' || workloadEnd.peerIndex === undefined) return undefined;
  const end = host.getLink(workloadEnd.peerIndex);
  const isOurs = end?.kind === 'veth' && prefixes.some((prefix) => end.name.startsWith(prefix));
  return isOurs && end.peerIndex === workloadEnd.index ? end : undefined;
}

/** Makes way for a new pair: what an interrupted attach left goes, what is not ours stays. */
async function clearWay(host: RouteSocket, workload: RouteSocket, spec: PairSpec): Promise<void> {
  const inTheWay = workload.getLink(spec.workloadName);
  if (inTheWay !== undefined) {
    if (ownHostEnd(host, inTheWay, spec.prefixes) === undefined) {
      throw new WireError('interface-exists', `the namespace already has an interface ${spec.workloadName}`);
    }
    await removeLink(workload, inTheWay);
  }
  const stale = host.getLink(spec.hostName);
  if (stale !== undefined) await removeLink(host, stale);
}

function createRequest({ hostName, workloadName, mtu, queues, hostMac, workloadMac }: PairSpec, netns: Netns) {
  const common = { mtu, ...(queues === undefined ? {} : { queues }) };
  const mac = workloadMac === undefined ? {} : { mac: workloadMac };
  return createVeth({
    ...common,
    name: hostName,
    mac: hostMac,
    peer: { ...common, ...mac, name: workloadName, netns },
  });
}

/** The pair, made where nothing is in the way; otherwise nothing is touched. */
export function makePair(host: RouteSocket, workload: RouteSocket, netns: Netns, spec: PairSpec): Pair | undefined {
  const [error] = host.execute([createRequest(spec, netns)]);
  if (error?.code === 'EEXIST') return undefined;
  if (error !== undefined) throw error;
  const made = findPair(host, workload, spec.hostName, spec.workloadName);
  if (made === undefined) throw new Error(`the kernel made ${spec.hostName}, but its ends do not belong together`);
  return { ...made, isNew: true };
}

/**
 * The pair, made when it is not there yet. The workload's end is born in its namespace: moving it there would
 * cost 25 ms.
 *
 * @throws WireError `interface-exists`
 */
export async function ensurePair(
  host: RouteSocket,
  workload: RouteSocket,
  netns: Netns,
  spec: PairSpec,
): Promise<Pair> {
  const found = findPair(host, workload, spec.hostName, spec.workloadName);
  if (found !== undefined) return found;
  await clearWay(host, workload, spec);
  const made = makePair(host, workload, netns, spec);
  if (made === undefined) throw new WireError('interface-exists', `somebody else is making ${spec.hostName}`);
  return made;
}
