import { familyOf, ipToBytes, type Family, type IpAddress } from '@calico-node/net';
import type { NetlinkRequest } from '../message.ts';
import type { BatchOutcome } from '../netlink-socket.ts';
import { NetlinkSocket } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';
import { decodeFlow, type ConnectionFlow } from './connection-flow.ts';
import { addressPlaces, decodeConnection, deleteConnectionsWith, listConnections } from './connection.ts';
import { decodeCounted, type CountedConnection } from './counted-connection.ts';

/**
 * From so many addresses on, one reading of the whole table is quicker than to have the kernel search it for each: of
 * 60,000 connections some 70 ms, all of it on the main thread, against 45 ms each, none of it there.
 */
const MANY_ADDRESSES = 3;

/** The kernel's connections of one network namespace (ctnetlink). */
export class ConntrackSocket implements Disposable {
  readonly #socket: NetlinkSocket;
  readonly #manyAddresses: number;
  #canFilter = true;

  private constructor(socket: NetlinkSocket, manyAddresses: number) {
    this.#socket = socket;
    this.#manyAddresses = manyAddresses;
  }

  /** @param options.manyAddresses from how many addresses on `forget` reads the whole table, whatever the kernel can. */
  static open(options: { readonly netns?: NetnsRef; readonly manyAddresses?: number } = {}): ConntrackSocket {
    const { manyAddresses = MANY_ADDRESSES, ...where } = options;
    return new ConntrackSocket(NetlinkSocket.open({ protocol: 'netfilter', ...where }), manyAddresses);
  }

  /**
   * Has the kernel forget every connection that comes from or goes to one of the addresses, before or after
   * translation. One or two IPv4 addresses the kernel looks for itself, off the main thread; for many, for IPv6 ones, and
   * where it cannot, the family's table is read.
   *
   * @throws NetlinkError when the kernel refuses; a connection that has ended meanwhile is no error.
   */
  async forget(addresses: ReadonlySet<IpAddress>): Promise<void> {
    for (const [family, ofFamily] of Map.groupBy(addresses, familyOf)) {
      const canFilter = family === 4 && ofFamily.length < this.#manyAddresses;
      if (!canFilter || !(await this.#forgetByFilter(ofFamily))) this.#forgetByReading(family, ofFamily);
    }
  }

  /** The connections of a family. @throws NetlinkError */
  list(family: Family): ConnectionFlow[] {
    return this.#socket.dump(listConnections(family), (message) => decodeFlow(message, family));
  }

  /** The connections of a family, with what has gone over them. @throws NetlinkError */
  listCounted(family: Family): CountedConnection[] {
    return this.#socket.dump(listConnections(family), (message) => decodeCounted(message, family));
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** False: this kernel cannot. */
  async #forgetByFilter(addresses: readonly IpAddress[]): Promise<boolean> {
    if (!this.#canFilter) return false;
    const requests = addresses.flatMap((address) =>
      addressPlaces.map((place) => deleteConnectionsWith(address, place)),
    );
    const outcome = await this.#socket.executeAsync(requests);
    this.#canFilter = !outcome.some((error) => error?.code === 'EINVAL');
    if (this.#canFilter) throwFirst(outcome);
    return this.#canFilter;
  }

  #forgetByReading(family: Family, ofFamily: readonly IpAddress[]): void {
    const addresses = new Set(ofFamily);
    const mayConcern = holdsAnyOf(ofFamily);
    const deletions = this.#socket.dump(listConnections(family), (message): NetlinkRequest | undefined => {
      if (!mayConcern(message.body)) return undefined;
      const connection = decodeConnection(message, family);
      return connection?.addresses.some((ip) => addresses.has(ip)) === true ? connection.deletion : undefined;
    });
    throwFirst(this.#socket.execute(deletions));
  }
}

/** Whether the bytes of one of the addresses occur: to look costs a fraction of what it takes to read a connection. */
function holdsAnyOf(addresses: readonly IpAddress[]): (body: Uint8Array) => boolean {
  const wanted = addresses.map((address) => Buffer.from(ipToBytes(address)));
  return (body) => {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return wanted.some((address) => bytes.includes(address));
  };
}

function throwFirst(outcome: BatchOutcome): void {
  const error = outcome.find((one) => one !== undefined && one.code !== 'ENOENT');
  if (error !== undefined) throw error;
}
