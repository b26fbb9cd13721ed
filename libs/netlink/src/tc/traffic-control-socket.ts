import type { NetlinkRequest } from '../message.ts';
import { NetlinkSocket, type BatchOutcome } from '../netlink-socket.ts';
import type { NetnsRef } from '../netns.ts';
import { decodeQdisc, listQdiscsRequest, type Qdisc } from './qdisc.ts';
import { decodeIngressFilter, listIngressFiltersRequest, type IngressFilter } from './redirect.ts';

/** The kernel's traffic control in one network namespace: what its interfaces' packets pass through. */
export class TrafficControlSocket implements Disposable {
  readonly #socket: NetlinkSocket;

  private constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  static open(options: { readonly netns?: NetnsRef } = {}): TrafficControlSocket {
    return new TrafficControlSocket(NetlinkSocket.open({ protocol: 'route', ...options }));
  }

  /** What changes made through this socket carry as their `originPortId`. */
  get portId(): number {
    return this.#socket.portId;
  }

  /** Of all interfaces. */
  listQdiscs(): Qdisc[] {
    return this.#socket.dump(listQdiscsRequest(), decodeQdisc);
  }

  /** Of an interface with an `ingress` or `clsact` qdisc; of others there are none. */
  listIngressFilters(interfaceIndex: number): IngressFilter[] {
    return this.#socket.dump(listIngressFiltersRequest(interfaceIndex), decodeIngressFilter);
  }

  /** See NetlinkSocket.execute: each request on its own, one outcome per request, in order. */
  execute(requests: readonly NetlinkRequest[]): BatchOutcome {
    return this.#socket.execute(requests);
  }

  close(): void {
    this.#socket.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
