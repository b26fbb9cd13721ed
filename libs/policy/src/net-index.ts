import { cidrOf, hostCidr, splitCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';

/** What has networks, found by an address that lies in one; the work is that of how many lengths of prefix there are. */
export class NetIndex<T> {
  readonly #lengths: Readonly<Record<Family, Set<number>>> = { 4: new Set(), 6: new Set() };
  readonly #byNet = new Map<Cidr, T[]>();

  add(net: Cidr, thing: T): void {
    const { prefixLength, family } = splitCidr(net);
    this.#lengths[family].add(prefixLength);
    const known = this.#byNet.get(net);
    if (known === undefined) this.#byNet.set(net, [thing]);
    else known.push(thing);
  }

  /** Each thing once for every network of its own that holds the address. */
  at(ip: IpAddress): readonly T[] {
    const { family } = splitCidr(hostCidr(ip));
    return [...this.#lengths[family]].flatMap((length) => this.#byNet.get(cidrOf(ip, length)) ?? []);
  }
}
