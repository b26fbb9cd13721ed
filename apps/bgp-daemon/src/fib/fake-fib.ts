import { familyOf, type Cidr, type IpAddress } from '@calico-node/net';
import {
  metricOf,
  ownProtocol,
  toKernelWay,
  type Fib,
  type FibChange,
  type FibError,
  type FibEvent,
  type FibSnapshot,
  type KernelRoute,
} from './fib.ts';

/** A kernel table in memory that keeps the kernel's rules: for tests, and for a daemon without a kernel. */
export class FakeFib implements Fib {
  readonly routes: KernelRoute[] = [];
  readonly interfaces = new Map<number, string>();
  readonly addresses = new Set<IpAddress>();
  readonly linkLocals = new Map<number, IpAddress>();
  readonly changes: FibChange[] = [];
  /** Holds what is asked for back until `carryOut`. */
  isSlow = false;
  #inFlight: (() => void) | undefined;
  readonly #onEvent: (event: FibEvent) => void;

  constructor(onEvent: (event: FibEvent) => void) {
    this.#onEvent = onEvent;
  }

  snapshot(): FibSnapshot {
    return {
      routes: [...this.routes],
      interfaces: new Map(this.interfaces),
      addresses: new Set(this.addresses),
      linkLocals: new Map(this.linkLocals),
    };
  }

  apply(changes: readonly FibChange[], onDone: (errors: readonly (FibError | undefined)[]) => void): void {
    if (this.#inFlight !== undefined) throw new Error('changes are asked for while others are on their way');
    this.#inFlight = () => {
      this.#inFlight = undefined;
      onDone(changes.map((change) => this.#one(change)));
    };
    if (!this.isSlow) this.carryOut();
  }

  /** Carries out what was asked for last. */
  carryOut(): void {
    this.#inFlight?.();
  }

  close(): void {
    // Nothing is held.
  }

  /** Somebody else adds a route. */
  addForeign(route: Partial<KernelRoute> & { readonly destination: Cidr }): KernelRoute {
    const complete: KernelRoute = {
      kind: 'unicast',
      gateway: undefined,
      interfaceIndex: 0,
      protocol: 3,
      metric: 0,
      isLinkScope: false,
      ...route,
    };
    this.routes.push(complete);
    this.#onEvent({ kind: 'route-added', route: complete });
    return complete;
  }

  /** Somebody else removes a route, whoever's it is. */
  remove(destination: Cidr, protocol: number): void {
    const index = this.routes.findIndex((route) => route.destination === destination && route.protocol === protocol);
    const [route] = index < 0 ? [] : this.routes.splice(index, 1);
    if (route !== undefined) this.#onEvent({ kind: 'route-removed', route });
  }

  /** The destinations that the daemon has in the table. */
  own(): Cidr[] {
    return this.routes.filter(({ protocol }) => protocol === ownProtocol).map(({ destination }) => destination);
  }

  #one(change: FibChange): FibError | undefined {
    this.changes.push(change);
    const { destination } = change;
    const metric = change.kind === 'delete' ? change.metric : metricOf(change.way, familyOf(destination));
    const index = this.routes.findIndex((route) => route.destination === destination && route.metric === metric);
    const existing = this.routes[index];
    if (change.kind === 'delete') {
      if (existing?.protocol !== ownProtocol) return { code: 'ESRCH', message: 'No such process' };
      this.routes.splice(index, 1);
      return undefined;
    }
    if (change.kind !== 'replace' && existing !== undefined) return { code: 'EEXIST', message: 'File exists' };
    if (change.way.kind === 'via' && change.way.hops.some((hop) => !this.interfaces.has(hop.interfaceIndex))) {
      return { code: 'ENODEV', message: 'No such device' };
    }
    const route = { ...toKernelWay(change.way, familyOf(destination)), destination };
    if (existing === undefined) this.routes.push(route);
    else this.routes[index] = route;
    if (change.kind === 'move') return this.#one({ kind: 'delete', destination, metric: change.oldMetric });
    return undefined;
  }
}
