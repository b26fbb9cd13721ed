import type { PathAttributes } from '@calico-node/bgp';
import { familyOf, type Cidr, type Family } from '@calico-node/net';
import type { StaticRouteConfig } from '../config/daemon-config.ts';
import { ownMetric, type KernelRoute } from '../fib/fib.ts';
import type { KernelTable } from '../fib/kernel-table.ts';
import type { AttributeTable } from '../rib/attribute-table.ts';
import type { Rib } from '../rib/rib.ts';
import type { RibSource } from '../rib/rib-views.ts';

const localAttributes: PathAttributes = { origin: 'IGP', asPath: [] };

/** Numbers of sources from here on are for peers. */
export const firstPeerSource = 3;

/** The node's own routes in the RIB: those configured, and those that others have put into the kernel. */
export class LocalRoutes {
  readonly staticSource: RibSource = { id: 0, name: 'static', route: { kind: 'static' } };
  readonly kernelSource: RibSource = { id: 1, name: 'kernel', route: { kind: 'kernel' } };
  /** Of the kernel's routes those through a gateway. */
  readonly forwardingSource: RibSource = { id: 2, name: 'kernel', route: { kind: 'kernel', isForwarding: true } };
  readonly #ribs: Readonly<Record<Family, Rib>>;
  readonly #attributes: AttributeTable;
  readonly #statics = new Map<Cidr, StaticRouteConfig>();

  constructor(ribs: Readonly<Record<Family, Rib>>, attributes: AttributeTable) {
    this.#ribs = ribs;
    this.#attributes = attributes;
    for (const rib of [ribs[4], ribs[6]]) {
      rib.addSource(this.staticSource);
      rib.addSource(this.kernelSource);
      rib.addSource(this.forwardingSource);
    }
  }

  /** Replaces the static routes; only differences touch the RIB. */
  setStatics(routes: readonly StaticRouteConfig[]): void {
    const wanted = new Map(routes.map((route) => [route.prefix, route]));
    for (const prefix of [...this.#statics.keys()]) {
      if (wanted.has(prefix)) continue;
      this.#statics.delete(prefix);
      this.#withdraw(this.staticSource, prefix);
    }
    for (const [prefix, route] of wanted) {
      const known = this.#statics.get(prefix);
      if (known !== undefined && known.nextHop === route.nextHop) continue;
      this.#statics.set(prefix, route);
      const { nextHop } = route;
      this.#announce(
        this.staticSource,
        prefix,
        nextHop === undefined ? localAttributes : { ...localAttributes, nextHop },
        undefined,
      );
    }
  }

  /** Takes what others have in the kernel for a prefix into the RIB, or out of it. */
  learn(kernel: KernelTable, prefix: Cidr, isLearning: boolean): void {
    const [best] = isLearning ? [...kernel.foreignRoutes(prefix)].sort((a, b) => a.metric - b.metric) : [];
    const isLearnt = best !== undefined && isLearnable(best);
    for (const source of [this.kernelSource, this.forwardingSource]) {
      const isFit = isLearnt && (source === this.forwardingSource) === (best.gateway !== undefined);
      if (isFit) this.#announce(source, prefix, kernelAttributes(best), kernel.interfaceName(best.interfaceIndex));
      else this.#withdraw(source, prefix);
    }
  }

  #announce(source: RibSource, prefix: Cidr, attributes: PathAttributes, interfaceName: string | undefined): void {
    const rib = this.#ribs[familyOf(prefix)];
    rib.announce(source, rib.prefixes.internCidr(prefix), this.#attributes.intern(attributes), 0, false, interfaceName);
  }

  #withdraw(source: RibSource, prefix: Cidr): void {
    const rib = this.#ribs[familyOf(prefix)];
    const known = rib.prefixes.findCidr(prefix);
    if (known >= 0) rib.withdraw(source, known);
  }
}

/** With the priority that the kernel's metric is, unless that is the usual one. */
function kernelAttributes({ destination, metric }: KernelRoute): PathAttributes {
  return metric === 0 || metric === ownMetric(familyOf(destination))
    ? localAttributes
    : { ...localAttributes, priority: metric };
}

/** Link-local and multicast routes of IPv6 are the interface's business. */
function isLearnable({ destination, kind }: KernelRoute): boolean {
  return kind !== 'other' && kind !== 'local' && !/^(fe80|ff)/.test(destination);
}
