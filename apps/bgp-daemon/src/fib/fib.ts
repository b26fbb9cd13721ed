import type { Cidr, Family, IpAddress } from '@calico-node/net';

/**
 * Where the daemon wants a destination's packets to go: all of a route of its own but the destination. Routes that lead
 * the same way share one of these, and it does not change: drivers keep what they make of it.
 */
export type FibWay = FibTarget & {
  /** Absent: `ownMetric`. */
  readonly metric?: number | undefined;
};

type FibTarget =
  | { readonly kind: 'blackhole' }
  /** Packets to it are the node's own. */
  | { readonly kind: 'local' }
  | {
      readonly kind: 'via';
      /** At least one; packets are spread over several (ECMP). */
      readonly hops: readonly FibHop[];
    };

/** One way to a destination. */
export interface FibHop {
  readonly gateway: IpAddress;
  readonly interfaceIndex: number;
  /** Take the gateway for a neighbour on the interface though no connected route says so. */
  readonly onlink: boolean;
}

export interface KernelHop {
  readonly gateway: IpAddress | undefined;
  readonly interfaceIndex: number;
}

/** A route of the main table, as the kernel has it, without its destination. */
export interface KernelWay {
  readonly kind: 'unicast' | 'blackhole' | 'unreachable' | 'local' | 'other';
  readonly gateway: IpAddress | undefined;
  /** Zero: none. */
  readonly interfaceIndex: number;
  /** More ways than this one. */
  readonly others?: readonly KernelHop[];
  /** rtm_protocol (rtnetlink(7)). */
  readonly protocol: number;
  readonly metric: number;
  /** The destination is on the link itself. */
  readonly isLinkScope: boolean;
}

/** A route of the main table, as the kernel has it. */
export interface KernelRoute extends KernelWay {
  readonly destination: Cidr;
}

export interface FibSnapshot {
  readonly routes: readonly KernelRoute[];
  /** Interface names by index. */
  readonly interfaces: ReadonlyMap<number, string>;
  readonly addresses: ReadonlySet<IpAddress>;
  /** The interfaces' addresses of fe80::/10, the first of each. */
  readonly linkLocals?: ReadonlyMap<number, IpAddress>;
}

export type FibChange =
  | { readonly kind: 'add' | 'replace'; readonly destination: Cidr; readonly way: FibWay }
  /** Adds the route, then deletes the one to its destination that has another metric. */
  | { readonly kind: 'move'; readonly destination: Cidr; readonly way: FibWay; readonly oldMetric: number }
  | { readonly kind: 'delete'; readonly destination: Cidr; readonly metric: number };

export interface FibError {
  /** The kernel's name for it: EEXIST, ENETUNREACH, … */
  readonly code: string;
  readonly message: string;
}

export type FibEvent =
  | { readonly kind: 'route-added' | 'route-removed'; readonly route: KernelRoute }
  | { readonly kind: 'interface'; readonly index: number; readonly name: string }
  /** Something else changed, or events were lost: read everything again. */
  | { readonly kind: 'resync' };

/** rtm_protocol of everything that the daemon writes: BIRD's (linux/rtnetlink.h, RTPROT_BIRD). */
export const ownProtocol = 12;

/** The metric of the daemon's routes where nothing else is said: none for IPv4, the kernel's default for IPv6 (ip6_fib.h, IP6_RT_PRIO_USER). */
export function ownMetric(family: Family): number {
  return family === 4 ? 0 : 1024;
}

export function metricOf({ metric }: FibWay, family: Family): number {
  return metric ?? ownMetric(family);
}

/** The ways of a route, in an order of their own. */
export function waysOf({
  gateway,
  interfaceIndex,
  others = [],
}: Pick<KernelWay, 'gateway' | 'interfaceIndex' | 'others'>): string {
  return [{ gateway, interfaceIndex }, ...others]
    .map((hop) => `${hop.gateway ?? ''} ${hop.interfaceIndex}`)
    .sort()
    .join();
}

/** How the kernel shows a route of ours. */
export function toKernelWay(way: FibWay, family: Family): KernelWay {
  const [first, ...others] = way.kind === 'via' ? way.hops : [];
  return {
    kind: way.kind === 'via' ? 'unicast' : way.kind,
    gateway: first?.gateway,
    interfaceIndex: first?.interfaceIndex ?? 0,
    ...(others.length === 0
      ? {}
      : { others: others.map(({ gateway, interfaceIndex }) => ({ gateway, interfaceIndex })) }),
    protocol: ownProtocol,
    metric: metricOf(way, family),
    isLinkScope: false,
  };
}

/**
 * The kernel's main table. The one seam for kernel routes: the rest of the daemon knows no netlink.
 * `apply` never touches a route of another protocol: `add` fails with EEXIST where one stands.
 */
export interface Fib {
  snapshot(): FibSnapshot;
  /**
   * Carries out changes in order, and tells once, now or later, what became of them: one result per change, `undefined`
   * for success. Until then no other changes may be asked for.
   */
  apply(changes: readonly FibChange[], onDone: (errors: readonly (FibError | undefined)[]) => void): void;
  close(): void;
}

/** Opens the table; events come after this returned. The table's own changes are no events. */
export type OpenFib = (onEvent: (event: FibEvent) => void) => Fib;
