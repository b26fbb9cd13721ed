import { addAddress, createVeth, RouteSocket, setLink } from '@calico-node/netlink';
import type { IpAddress, Mac } from '@calico-node/net';
import { applyTolerant, configureHostEnd, hostMac, ipv4Gateway, type Families } from './host-end.ts';
import { findPair, removeLink, type Pair } from './pair.ts';

export interface MovablePairSpec {
  /** The host's end. */
  readonly hostName: string;
  /** The workload's end, until the runtime moves it and gives it another name. */
  readonly temporaryName: string;
  readonly mtu: number;
  /** The workload's; the kernel chooses one when absent. */
  readonly mac?: Mac | undefined;
  readonly families: Families;
}

export interface MovablePair {
  /** The workload's. */
  readonly mac: Mac;
  readonly ipv6Gateway: IpAddress;
}

async function ensureMovable(host: RouteSocket, spec: MovablePairSpec): Promise<Pair> {
  const { hostName, temporaryName, mtu, mac } = spec;
  const found = findPair(host, host, hostName, temporaryName);
  if (found !== undefined) return found;
  for (const name of [hostName, temporaryName]) {
    const stale = host.getLink(name);
    if (stale !== undefined) await removeLink(host, stale);
  }
  const peer = { name: temporaryName, mtu, ...(mac === undefined ? {} : { mac }) };
  host.apply([createVeth({ name: hostName, mtu, mac: hostMac, peer })]);
  const made = findPair(host, host, hostName, temporaryName);
  if (made === undefined) throw new Error(`the kernel made ${hostName}, but its ends do not belong together`);
  return { ...made, isNew: true };
}

/**
 * Makes a workload's interface with both ends on the host, for a runtime that will take no other: it moves the
 * workload's end into the namespace, and sets its addresses and routes, itself. A pair that is there already is
 * kept; a host's end whose other end was moved already is replaced.
 *
 * Nobody can tell a workload wired so the gateway's MAC, and the host's proxy ARP answers only while the host
 * has a default route. So the host's end has the gateway's address itself; with scope `host`, since it must
 * never become the source address of what the host sends to the workload.
 *
 * @throws NetlinkError
 */
export async function makeMovablePair(spec: MovablePairSpec): Promise<MovablePair> {
  using host = RouteSocket.open();
  const pair = await ensureMovable(host, spec);
  const { mac, mtu, families } = spec;
  const ipv6Gateway = configureHostEnd(host, pair, mtu, families);
  if (families.ipv4) {
    const gateway = { interfaceIndex: pair.host.index, ip: ipv4Gateway, prefixLength: 32, scope: 'host' } as const;
    applyTolerant(host, [addAddress(gateway)]);
  }
  host.apply([setLink({ index: pair.workload.index, up: true, ...(mac === undefined ? {} : { mac }) })]);
  const settled = host.getLink(pair.workload.index)?.mac;
  if (settled === undefined) throw new Error(`${spec.temporaryName} has vanished`);
  return { mac: settled, ipv6Gateway };
}

/** Deletes the host's end, wherever the other end is, and so both. One that is gone is well. */
export async function removeHostEnd(name: string): Promise<void> {
  using host = RouteSocket.open();
  const link = host.getLink(name);
  if (link?.kind === 'veth') await removeLink(host, link);
}
