import type { Link } from '@calico-node/netlink';

/** Bytes that an encapsulation adds to a packet. */
export const overhead = { ipip: 20, vxlan4: 50, vxlan6: 70, wireguard4: 60, wireguard6: 80 } as const;

export type Encapsulation = keyof typeof overhead;

/** What is configured for each kind of tunnel; 0: what fits the host's interfaces. */
export type TunnelMtus = Readonly<Record<Encapsulation, number>>;

const tunnelKinds: ReadonlySet<string | undefined> = new Set(['ipip', 'vxlan', 'wireguard']);

/** What is taken where no interface leads out of the host, as far as we know: the smallest of the common clouds. */
const UNKNOWN_HOST_MTU = 1460;

/** The interfaces that lead out of the host (MTUIfacePattern). The tunnels' own devices are none of them. */
export class OuterLinks {
  readonly #pattern: RegExp;
  #links: ReadonlyMap<number, Link> = new Map();

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  /** @param links all of the host's. */
  take(links: readonly Link[]): void {
    this.#links = new Map(links.filter((link) => this.#isOuter(link)).map((link) => [link.index, link]));
  }

  /** `false`: there are none, and the MTU is a guess. */
  get areKnown(): boolean {
    return this.#links.size > 0;
  }

  /**
   * The smallest MTU of those that run. While none does, of all: a cable that is out for a moment is no reason for
   * another MTU.
   */
  get mtu(): number {
    const all = [...this.#links.values()];
    const running = all.filter((link) => link.running);
    const mtus = (running.length > 0 ? running : all).map(({ mtu }) => mtu);
    return mtus.length === 0 ? UNKNOWN_HOST_MTU : Math.min(...mtus);
  }

  isNews(action: 'set' | 'delete', link: Link): boolean {
    const before = this.#links.get(link.index);
    const after = action === 'set' && this.#isOuter(link) ? link : undefined;
    return before?.mtu !== after?.mtu || before?.running !== after?.running;
  }

  #isOuter({ name, kind }: Link): boolean {
    return !tunnelKinds.has(kind) && this.#pattern.test(name);
  }
}

/** @param configured 0: what fits the host's interfaces. */
export function tunnelMtu(kind: Encapsulation, configured: number, host: number): number {
  return configured === 0 ? host - overhead[kind] : configured;
}

/** What workloads' interfaces may have, so that their packets fit every tunnel that there is. */
export function workloadMtu(kinds: readonly Encapsulation[], configured: TunnelMtus, host: number): number {
  return Math.min(host, ...kinds.map((kind) => tunnelMtu(kind, configured[kind], host)));
}
