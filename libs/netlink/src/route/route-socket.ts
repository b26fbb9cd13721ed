import type { Family, IpAddress } from '@calico-node/net';
import type { NetlinkRequest } from '../message.ts';
import type { NativeTable } from '../native/table.ts';
import { NetlinkError } from '../netlink-error.ts';
import { NetlinkSocket, type BatchOutcome } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';
import { decodeAddress, listAddressesRequest, type InterfaceIp } from './address.ts';
import { decodeLink, type Link } from './link.ts';
import { getLinkRequest, type LinkRef } from './link-requests.ts';
import {
  decodeFdbEntry,
  decodeNeighbour,
  listFdbRequest,
  listNeighboursRequest,
  type FdbEntry,
  type Neighbour,
} from './neighbour.ts';
import type { RouteBatch } from './route-batch.ts';
import { decodeRoute, isCloned, listRoutesRequest, lookupRouteRequest } from './route-codec.ts';
import { routeTable, type Route } from './route.ts';
import { decodeRule, listRulesRequest, type RoutingRule } from './rule.ts';
import { decodeXdp, type XdpInterface } from './xdp.ts';

/** Links, addresses, routes and neighbours of one network namespace. */
export class RouteSocket implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Throws as NetlinkSocket.open does. The socket stays in that namespace, whose name may go meanwhile. */
  static open(options: { readonly netns?: NetnsRef; readonly native?: NativeTable } = {}): RouteSocket {
    return new RouteSocket(NetlinkSocket.open({ protocol: 'route', ...options }));
  }

  /** What events caused through this socket carry as their `originPortId`. */
  get portId(): number {
    return this.#socket.portId;
  }

  listLinks(): Link[] {
    return this.#socket.dump(getLinkRequest(), decodeLink);
  }

  /** `undefined` when there is no such interface. */
  getLink(nameOrIndex: string | number): Link | undefined {
    const ref: LinkRef = typeof nameOrIndex === 'string' ? { name: nameOrIndex } : { index: nameOrIndex };
    return ifFound(['ENODEV'], () => this.#socket.request(getLinkRequest(ref), decodeLink)[0]);
  }

  /** All interfaces, with the XDP programs on them. */
  listXdp(): XdpInterface[] {
    return this.#socket.dump(getLinkRequest(), decodeXdp);
  }

  /** Of both families, or of one. */
  listAddresses(options: { readonly family?: Family; readonly interfaceIndex?: number } = {}): InterfaceIp[] {
    const request = listAddressesRequest(options.family, options.interfaceIndex);
    const addresses = ifFound(['ENODEV'], () => this.#socket.dump(request, decodeAddress)) ?? [];
    return addresses.filter((address) => matchesInterface(address, options.interfaceIndex));
  }

  /** The routes of one table, the main one when absent, or of all tables. Without the route cache's entries. */
  listRoutes(options: { readonly family: Family; readonly table?: number | 'all' }): Route[] {
    const table = options.table === 'all' ? undefined : (options.table ?? routeTable.main);
    // A table that has never had a route does not exist.
    const routes = ifFound(['ENOENT'], () =>
      this.#socket.dump(listRoutesRequest(options.family, table), (message) =>
        isCloned(message) ? undefined : decodeRoute(message),
      ),
    );
    return (routes ?? []).filter((route) => table === undefined || route.table === table);
  }

  listRules(family: Family): RoutingRule[] {
    return this.#socket.dump(listRulesRequest(family), decodeRule);
  }

  /**
   * Which way this host would send a packet to `ip`, with the source address that it would have (`source`); the
   * destination is that of the packet. `undefined` when it is unreachable.
   */
  lookupRoute(ip: IpAddress): Route | undefined {
    return ifFound(['ENETUNREACH', 'EHOSTUNREACH', 'EINVAL', 'EACCES'], () =>
      this.#socket.request(lookupRouteRequest(ip), decodeRoute).find((route) => route !== undefined),
    );
  }

  /** Of both families, or of one. Proxy entries are a table of their own: ask for them with `isProxy`. */
  listNeighbours(
    options: { readonly family?: Family; readonly interfaceIndex?: number; readonly isProxy?: boolean } = {},
  ): Neighbour[] {
    const request = listNeighboursRequest(options.family, options.isProxy === true, options.interfaceIndex);
    const neighbours = this.#socket.dump(request, decodeNeighbour);
    return neighbours.filter((neighbour) => matchesInterface(neighbour, options.interfaceIndex));
  }

  /** The forwarding entries of bridges and VXLAN devices. */
  listFdb(options: { readonly interfaceIndex?: number } = {}): FdbEntry[] {
    const entries = this.#socket.dump(listFdbRequest(), decodeFdbEntry);
    return entries.filter((entry) => matchesInterface(entry, options.interfaceIndex));
  }

  /** See NetlinkSocket.execute: each request on its own, one outcome per request, in order. */
  execute(requests: readonly NetlinkRequest[]): BatchOutcome {
    return this.#socket.execute(requests);
  }

  /** `execute` with the kernel's work off the main thread: for deleting links and for thousands of requests. */
  async executeAsync(requests: readonly NetlinkRequest[]): Promise<BatchOutcome> {
    return this.#socket.executeAsync(requests);
  }

  /** `executeAsync` of what a batch holds; it must be left alone until this settles. */
  async executeBatch(batch: RouteBatch): Promise<BatchOutcome> {
    return this.#socket.executeFramedAsync(batch);
  }

  /** `execute` that throws the first error. The requests behind a failed one have been tried all the same. */
  apply(requests: readonly NetlinkRequest[]): void {
    const error = this.#socket.execute(requests).find((entry) => entry !== undefined);
    if (error !== undefined) throw error;
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function ifFound<T>(notFound: readonly string[], read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof NetlinkError && notFound.includes(error.code)) return undefined;
    throw error;
  }
}

function matchesInterface(object: { readonly interfaceIndex: number }, interfaceIndex: number | undefined): boolean {
  return interfaceIndex === undefined || object.interfaceIndex === interfaceIndex;
}
