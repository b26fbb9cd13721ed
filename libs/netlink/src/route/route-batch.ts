import { splitCidr, writeIp, type Cidr, type Family } from '@calico-node/net';
import { encodeMessages, MESSAGE_HEADER_BYTES, type FramedRequests } from '../message.ts';
import { CHUNK_BYTES } from '../netlink-socket.ts';
import { addRoute, deleteRoute, replaceRoute } from './route-codec.ts';
import { ROUTE_HEADER_BYTES, type RouteSpec } from './route.ts';

const makers = { add: addRoute, replace: replaceRoute, delete: deleteRoute } as const;
type RouteVerb = keyof typeof makers;

/** All of a route but its destination. */
export type RouteWay = Omit<RouteSpec, 'destination' | 'family'>;

/** The messages for one way; each is made when it is first asked for. */
type Templates = Partial<Record<RouteVerb, Uint8Array>>;

const anywhere = { 4: '0.0.0.0/0' as Cidr, 6: '::/0' as Cidr } as const;
/** In a message: the destination's length in `struct rtmsg`, and its address behind the header of the first attribute. */
const LENGTH_AT = MESSAGE_HEADER_BYTES + 1;
const ADDRESS_AT = MESSAGE_HEADER_BYTES + ROUTE_HEADER_BYTES + 4;

/**
 * Requests for many routes in one piece of memory that is used again. Routes that lead the same way differ in their
 * destination only: each way is encoded once, for as long as its object lives.
 */
export class RouteBatch implements FramedRequests {
  readonly #templates: Readonly<Record<Family, WeakMap<RouteWay, Templates>>> = { 4: new WeakMap(), 6: new WeakMap() };
  #bytes = new Uint8Array(0);
  #length = 0;
  #verbs: RouteVerb[] = [];
  #destinations: Cidr[] = [];

  get count(): number {
    return this.#verbs.length;
  }

  /** It holds what fits into one send. More may be appended, for what has to go together. */
  get isFull(): boolean {
    return this.#length >= CHUNK_BYTES;
  }

  /** See addRoute, replaceRoute and deleteRoute. The way must not be changed afterwards. */
  append(verb: RouteVerb, destination: Cidr, way: RouteWay): void {
    const { ip, prefixLength, family } = splitCidr(destination);
    const template = this.#template(verb, family, way);
    const at = this.#length;
    if (at + template.length > this.#bytes.length) this.#grow(at + template.length);
    const bytes = this.#bytes;
    bytes.set(template, at);
    bytes[at + LENGTH_AT] = prefixLength;
    writeIp(ip, bytes, at + ADDRESS_AT);
    this.#length = at + template.length;
    this.#verbs.push(verb);
    this.#destinations.push(destination);
  }

  clear(): void {
    this.#length = 0;
    this.#verbs = [];
    this.#destinations = [];
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  labelOf(index: number): string {
    return `${this.#verbs[index] ?? ''} route ${this.#destinations[index] ?? ''}`;
  }

  #template(verb: RouteVerb, family: Family, way: RouteWay): Uint8Array {
    let templates = this.#templates[family].get(way);
    if (templates === undefined) {
      templates = {};
      this.#templates[family].set(way, templates);
    }
    return (templates[verb] ??= encodeMessages([makers[verb]({ ...way, destination: anywhere[family] })], 0, -1));
  }

  #grow(least: number): void {
    const longer = new Uint8Array(Math.max(CHUNK_BYTES + 4096, least, this.#bytes.length * 2));
    longer.set(this.#bytes);
    this.#bytes = longer;
  }
}
