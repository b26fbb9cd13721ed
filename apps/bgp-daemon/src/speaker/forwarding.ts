import { isLinkLocal, splitNextHop, type NextHop } from '@calico-node/bgp';
import { cidrContains, type Cidr } from '@calico-node/net';
import type { KernelSettings, TunnelConfig } from '../config/daemon-config.ts';
import type { FibHop, FibWay } from '../fib/fib.ts';
import { FibWays } from '../fib/fib-ways.ts';
import type { KernelTable } from '../fib/kernel-table.ts';
import type { Rib } from '../rib/rib.ts';
import type { NextHopCost } from '../rib/rib-views.ts';

const blackhole: FibWay = { kind: 'blackhole' };

/** What the kernel is to do with packets, by the routes that were decided for. */
export class Forwarding {
  readonly #kernel: KernelTable;
  readonly #settings: () => KernelSettings;
  readonly #ways = new FibWays();

  constructor(kernel: KernelTable, settings: () => KernelSettings) {
    this.#kernel = kernel;
    this.#settings = settings;
  }

  /** There are routes to write, or to take away. */
  get isProgramming(): boolean {
    return this.#settings().program || !this.#kernel.isEmpty;
  }

  /** Undefined: without a kernel to program, every next hop is somebody else's to reach. */
  costs(): NextHopCost | undefined {
    const { program, learn } = this.#settings();
    if (!program && !learn) return undefined;
    return (nextHop) => this.#kernel.nextHops.resolve(nextHop)?.cost;
  }

  /** Has the kernel do what was decided on for a prefix. */
  program(rib: Rib, prefix: number, cost: NextHopCost | undefined): void {
    const destination = rib.cidr(prefix);
    this.#kernel.want(destination, this.#way(destination, rib, prefix, cost));
  }

  #way(destination: Cidr, rib: Rib, prefix: number, cost: NextHopCost | undefined): FibWay | undefined {
    const { program, neverProgram, maxPaths, tunnels } = this.#settings();
    const best = rib.bestPath(prefix);
    const source = rib.sourceOf(best);
    if (source === undefined || source.route.kind === 'kernel' || !program) return undefined;
    if (neverProgram.covers(rib.prefixes.view(prefix))) return undefined;
    const set = rib.setOf(best);
    if (set?.nextHop === undefined) return blackhole;
    const tunnel =
      source.route.kind === 'bgp' ? tunnels.find((one) => cidrContains(one.prefix, destination)) : undefined;
    const hops = this.#hops(rib.nextHops(prefix, maxPaths, cost), tunnel);
    // Plain attributes came as they are: they have no priority.
    return this.#ways.through(hops, set.isPlain ? undefined : set.attributes.priority);
  }

  /** How packets for a next hop leave the node. */
  #hop(nextHop: NextHop, tunnel: TunnelConfig | undefined): FibHop | undefined {
    const hop = this.#kernel.nextHops.resolve(nextHop);
    if (hop === undefined || tunnel === undefined || isLinkLocal(nextHop)) return hop;
    const { address } = splitNextHop(nextHop);
    if (tunnel.directWithin.some((cidr) => cidrContains(cidr, address))) return hop;
    const interfaceIndex = this.#kernel.interfaceIndex(tunnel.interfaceName);
    return interfaceIndex === undefined ? undefined : { gateway: address, interfaceIndex, onlink: true };
  }

  #hops(nextHops: readonly NextHop[], tunnel: TunnelConfig | undefined): readonly FibHop[] {
    const [only] = nextHops;
    if (only !== undefined && nextHops.length === 1) {
      const hop = this.#hop(only, tunnel);
      return hop === undefined ? [] : [hop];
    }
    const ways = new Map<string, FibHop>();
    for (const nextHop of nextHops) {
      const hop = this.#hop(nextHop, tunnel);
      // Next hops behind the same gateway are one way.
      if (hop !== undefined) ways.set(`${hop.gateway} ${hop.interfaceIndex}`, hop);
    }
    return [...ways.values()];
  }
}
