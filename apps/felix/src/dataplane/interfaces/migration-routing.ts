import { splitCidr, type IpAddress } from '@calico-node/net';
import { RouteSocket, type NetnsRef } from '@calico-node/netlink';
import { ArpListener } from '@calico-node/netlink/inject';
import type { WorkloadEndpointId } from '../../calc/endpoint-id.ts';
import type { Intent } from '../../calc/intents.ts';
import { nextPhase, type MigrationEvent, type MigrationPhase, type Routing, routingOf } from './migration-phase.ts';

export interface MigrationRoutingOptions {
  readonly netns?: NetnsRef;
  /** How long everybody needs to hear of a move (LiveMigrationRouteConvergenceTime). */
  readonly convergenceSeconds: number;
  /** Whether the kernel has the endpoint's route already as it is after a move: of an earlier run. */
  readonly isElevated: (id: WorkloadEndpointId) => boolean;
  /** The endpoint's routing is another one now. */
  readonly onRouting: (id: WorkloadEndpointId) => void;
}

interface Known {
  readonly interfaceName: string;
  readonly addresses: ReadonlySet<IpAddress>;
}

/** Which route each endpoint has, while virtual machines move to this host. */
export class MigrationRouting implements Disposable {
  /** Counts as a part of the dataplane that writes nothing itself. */
  readonly writes = 0;
  readonly #options: MigrationRoutingOptions;
  readonly #phases = new Map<WorkloadEndpointId, MigrationPhase>();
  readonly #endpoints = new Map<WorkloadEndpointId, Known>();
  readonly #listeners = new Map<WorkloadEndpointId, ArpListener>();
  readonly #timers = new Map<WorkloadEndpointId, NodeJS.Timeout>();
  #targets: ReadonlySet<WorkloadEndpointId> = new Set();

  constructor(options: MigrationRoutingOptions) {
    this.#options = options;
  }

  routing(id: WorkloadEndpointId): Routing {
    return routingOf[this.#phases.get(id) ?? 'base'];
  }

  /** The endpoints that are moved to now, whole. */
  setTargets(targets: ReadonlySet<WorkloadEndpointId>): void {
    const before = this.#targets;
    this.#targets = targets;
    for (const id of targets) {
      if (before.has(id)) continue;
      const isLive = !this.#phases.has(id) && this.#options.isElevated(id);
      if (isLive) this.#enter(id, 'live');
      else this.#step(id, 'begins');
    }
    for (const id of before) if (!targets.has(id)) this.#step(id, 'ends');
  }

  update(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') {
        const { interfaceName, addresses } = intent.endpoint;
        const ips = new Set(addresses.map((cidr) => splitCidr(cidr).ip));
        if (this.#endpoints.get(intent.id)?.interfaceName !== interfaceName) this.#stopListening(intent.id);
        this.#endpoints.set(intent.id, { interfaceName, addresses: ips });
      } else if (intent.type === 'workload-endpoint-remove') {
        this.#endpoints.delete(intent.id);
        this.#stopListening(intent.id);
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
  }

  #listen(id: WorkloadEndpointId, { interfaceName, addresses }: Known): void {
    const where = this.#options.netns === undefined ? {} : { netns: this.#options.netns };
    using socket = RouteSocket.open(where);
    const link = socket.getLink(interfaceName);
    if (link === undefined) return;
    const onAnnouncement = (ip: IpAddress): void => {
      if (addresses.has(ip)) this.#step(id, 'announced');
    };
    this.#listeners.set(id, new ArpListener({ ...where, interfaceIndex: link.index, onAnnouncement }));
  }

  #stopListening(id: WorkloadEndpointId): void {
    this.#listeners.get(id)?.close();
    this.#listeners.delete(id);
  }
}
