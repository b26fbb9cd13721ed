import { splitCidr, type Cidr, type IpAddress } from '@calico-node/net';
import { RouteSocket, type NetnsRef } from '@calico-node/netlink';
import { ArpListener, etherTypes, FrameListener } from '@calico-node/netlink/inject';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { Intent, LocalWorkloadEndpoint } from '../../calc/intents.ts';
import { nextPhase, type MigrationEvent, type MigrationPhase, type Routing, routingOf } from './migration-phase.ts';

export interface MigrationRoutingOptions {
  readonly netns?: NetnsRef;
  /** How long everybody needs to hear of a move (LiveMigrationRouteConvergenceTime). */
  readonly convergenceSeconds: number;
  /** Whether the kernel has a route to one of the addresses already as it is after a move: of an earlier run. */
  readonly isElevated: (addresses: readonly Cidr[]) => boolean;
  /** The endpoint's routing is another one now. */
  readonly onRouting: (id: WorkloadEndpointId) => void;
  /** The machine that moved to the endpoint runs there now. May be told more than once. */
  readonly onArrival?: (id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint) => void;
}

/** The endpoints that machines are moved to now, and away from. */
export interface Moves {
  readonly targets: ReadonlySet<WorkloadEndpointId>;
  isSource(id: WorkloadEndpointId): boolean;
}

/** Which route each endpoint has, while virtual machines move to this host. */
export class MigrationRouting implements Disposable {
  /** Counts as a part of the dataplane that writes nothing itself. */
  readonly writes = 0;
  readonly #options: MigrationRoutingOptions;
  readonly #phases = new Map<WorkloadEndpointId, MigrationPhase>();
  readonly #endpoints = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
  readonly #listeners = new Map<WorkloadEndpointId, Disposable>();
  readonly #timers = new Map<WorkloadEndpointId, NodeJS.Timeout>();
  /** The endpoints here that a move to has begun. */
  readonly #begun = new Set<WorkloadEndpointId>();
  #moves: Moves = { targets: new Set(), isSource: () => false };

  constructor(options: MigrationRoutingOptions) {
    this.#options = options;
  }

  routing(id: WorkloadEndpointId): Routing {
    return routingOf[this.#phases.get(id) ?? 'base'];
  }

  /** All moves, as they are now. */
  setMoves(moves: Moves): void {
    this.#moves = moves;
    for (const id of new Set([...this.#begun, ...moves.targets, ...this.#phases.keys()])) this.#review(id);
  }

  update(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') {
        const { id, endpoint } = intent;
        if (this.#endpoints.get(id)?.interfaceName !== endpoint.interfaceName) this.#stopListening(id);
        this.#endpoints.set(id, endpoint);
        this.#review(id);
      } else if (intent.type === 'workload-endpoint-remove') {
        this.#endpoints.delete(intent.id);
        this.#review(intent.id);
      }
    }
  }

  /** Listens where somebody is awaited. What fails, since the interface is not there yet, is tried again at the next. */
  apply(): string[] {
    for (const [id, phase] of this.#phases) {
      const known = this.#endpoints.get(id);
      if (phase === 'target' && known !== undefined && !this.#listeners.has(id)) this.#listen(id, known);
    }
    return [];
  }

  [Symbol.dispose](): void {
    for (const id of [...this.#listeners.keys()]) this.#stopListening(id);
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  /** What an endpoint and the moves are together: a move is one of an endpoint that is there. */
  #review(id: WorkloadEndpointId): void {
    const endpoint = this.#endpoints.get(id);
    const isTarget = this.#moves.targets.has(id);
    if (endpoint === undefined || (!isTarget && this.#moves.isSource(id))) {
      this.#begun.delete(id);
      this.#step(id, 'departs');
    } else if (isTarget && !this.#begun.has(id)) {
      this.#begun.add(id);
      const isLive = !this.#phases.has(id) && this.#options.isElevated(endpoint.addresses);
      if (isLive) this.#enter(id, 'live');
      else this.#step(id, 'begins');
    } else if (!isTarget && this.#begun.delete(id)) {
      this.#step(id, 'ends');
    }
  }

  #step(id: WorkloadEndpointId, event: MigrationEvent): void {
    const before = this.#phases.get(id) ?? 'base';
    const next = nextPhase(before, event);
    if (next !== before) this.#enter(id, next);
  }

  #enter(id: WorkloadEndpointId, next: MigrationPhase): void {
    if (next === 'base') this.#phases.delete(id);
    else this.#phases.set(id, next);
    if (next !== 'target') this.#stopListening(id);
    clearTimeout(this.#timers.get(id));
    this.#timers.delete(id);
    if (next === 'settling') {
      const settle = (): void => {
        this.#step(id, 'settled');
      };
      this.#timers.set(id, setTimeout(settle, this.#options.convergenceSeconds * 1000).unref());
    }
    this.#options.onRouting(id);
    const endpoint = this.#endpoints.get(id);
    if (routingOf[next] === 'elevated' && endpoint !== undefined) this.#options.onArrival?.(id, endpoint);
  }

  /** For an announcement of one of its addresses, or for Reverse ARP, by which QEMU announces a machine (as Calico does). */
  #listen(id: WorkloadEndpointId, { interfaceName, addresses }: LocalWorkloadEndpoint): void {
    const where = this.#options.netns === undefined ? {} : { netns: this.#options.netns };
    using socket = RouteSocket.open(where);
    const link = socket.getLink(interfaceName);
    if (link === undefined) return;
    const at = { ...where, interfaceIndex: link.index };
    const ips: ReadonlySet<IpAddress> = new Set(addresses.map((cidr) => splitCidr(cidr).ip));
    const onAnnouncement = (ip: IpAddress): void => {
      if (ips.has(ip)) this.#step(id, 'announced');
    };
    const onFrame = (): void => {
      this.#step(id, 'announced');
    };
    using opened = new DisposableStack();
    opened.use(new ArpListener({ ...at, onAnnouncement }));
    opened.use(new FrameListener({ ...at, etherType: etherTypes.rarp, onFrame }));
    this.#listeners.set(id, opened.move());
  }

  #stopListening(id: WorkloadEndpointId): void {
    this.#listeners.get(id)?.[Symbol.dispose]();
    this.#listeners.delete(id);
  }
}
