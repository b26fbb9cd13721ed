/**
 * The loop that brings the kernel to what calc wants.
 *
 *   intents ─► Backlog ─ a piece ─► desired state of the drivers ─► one apply at a time:
 *     routes that must go ─► rules and sets ─► settings, neighbours, routes that must come ─► states, waiters
 *                            (connections of addresses that change hands are forgotten before those routes)
 *                                          ├─► bandwidth limits, before those routes
 *                                          └─► tunnels and routes to other hosts; both hold up nothing else
 *
 * A change wakes the loop, and so does a driver that sees its part of the kernel changed by somebody else. Much at once is
 * applied piece by piece, and an endpoint that arrives meanwhile is in the next one, with all that it needs. A failed
 * apply is tried again with back-off; until it succeeds no revision counts as applied and no endpoint of it as up.
 */
import type { ConntrackSocket } from '@calico-node/netlink/conntrack';
import { type Backoff, type Logger, type Reporter, sleep } from '@calico-node/service';
import type { WorkloadEndpointId } from '../calc/endpoint-id.ts';
import type { IntentBatch, LocalWorkloadEndpoint } from '../calc/intents.ts';
import { errorText } from './error-text.ts';
import type { HostEndpointChange, HostEndpointStates } from '../status/host-endpoint-states.ts';
import { Backlog } from './backlog/backlog.ts';
import { withdrawnAddresses } from './conntrack/withdrawn-addresses.ts';
import { WithdrawnConnections } from './conntrack/withdrawn-connections.ts';
import { withFloating } from './floating.ts';
import type { HostInterfaces } from './interfaces/host-interfaces.ts';
import type { ServiceAddresses } from './interfaces/service-addresses.ts';
import type { InterfaceState, WorkloadInterfaces } from './interfaces/workload-interfaces.ts';
import { letIn } from './let-in.ts';
import type { PolicyDriver } from './policy-driver.ts';
import type { BandwidthLimits } from './qos/bandwidth-limits.ts';
import type { ClusterNetwork } from './tunnels/cluster-network.ts';
import type { XdpShortcut } from './xdp/xdp-shortcut.ts';
import { SideHealth } from './side-health.ts';
import { RevisionLog } from './revision-log.ts';

/** What the loop counts and measures. */
export interface EngineMetrics {
  applied(seconds: number): void;
  failed(): void;
  /** So many of the host's interfaces have other addresses than before. */
  hostAddresses(count: number): void;
  /** So many of them came, went or changed at once. */
  hostInterfaces(count: number): void;
  /** An apply waited for the connections of withdrawn addresses to be forgotten. */
  waitedForConnections(seconds: number): void;
  /** From the arrival of the oldest change in the batch to the kernel. */
  latency(seconds: number): void;
}

export interface EngineOptions {
  readonly policy: PolicyDriver;
  readonly interfaces: WorkloadInterfaces;
  readonly hostInterfaces: Pick<HostInterfaces, 'takeChanges'>;
  /** Of services that the kernel takes in as the host's own. */
  readonly serviceAddresses?: Pick<ServiceAddresses, 'takeChanges'> | undefined;
  readonly hostEndpoints: Pick<HostEndpointStates, 'take' | 'snapshot' | 'changesTo'>;
  readonly network: Pick<ClusterNetwork, 'update' | 'apply' | 'writes'>;
  readonly bandwidth: Pick<BandwidthLimits, 'update' | 'apply' | 'writes'>;
  /** Ahead of the packet filter, which does the same without it. */
  readonly shortcut?: Pick<XdpShortcut, 'update' | 'apply'>;
  /** Floating addresses get routes as workloads' own do, so that they are told of by BGP. */
  readonly floatingIps: boolean;
  readonly connections: Pick<ConntrackSocket, 'forget'>;
  readonly log: Logger;
  readonly health: Reporter;
  /** Of the way to other hosts. */
  readonly networkHealth: Reporter;
  readonly bandwidthHealth: Reporter;
  readonly metrics: EngineMetrics;
  readonly backoff: Backoff;
  /** Held up by it, each apply counts as begun: faults that a test asks for. */
  readonly beforeApply?: () => Promise<void>;
  /** Called after each successful apply, with every endpoint whose state or record changed, if any. */
  readonly onStates: (changes: readonly EndpointChange[], hosts: readonly HostEndpointChange[]) => void;
  /** Unix time in nanoseconds. */
  readonly now: () => bigint;
}

export interface EndpointChange {
  readonly id: WorkloadEndpointId;
  /** Absent when the endpoint is gone; `before` is what it was. */
  readonly endpoint: LocalWorkloadEndpoint | undefined;
  readonly before: LocalWorkloadEndpoint | undefined;
  readonly state: InterfaceState;
}

interface Programmed {
  readonly endpoint: LocalWorkloadEndpoint;
  readonly state: InterfaceState;
}

/** Changes that follow one another so soon are a stream. */
const STREAM_NS = 5_000_000n;
/** How long answers to those who wait for endpoints have the process to themselves. */
const ANSWER_MS = 3;

/** What a caller waits for. */
type EndpointWaiter = () => void;

export class Engine {
  readonly revisions = new RevisionLog();
  readonly #options: EngineOptions;
  readonly #backlog = new Backlog();
  /** Endpoints as the drivers were told. */
  readonly #wanted = new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
  /** What has changed of that since the last apply that succeeded. */
  #changed = new Set<WorkloadEndpointId>();
  /** As of the last successful apply. */
  readonly #programmed = new Map<WorkloadEndpointId, Programmed>();
  readonly #waiters = new Set<EndpointWaiter>();
  #received = 0n;
  #receivedAt = 0n;
  #isStream = false;
  #oldestPending: bigint | undefined;
  #isInSync = false;
  #isDirty = false;
  #isApplying = false;
  #isBetweenPieces = false;
  #wake = Promise.withResolvers<undefined>();
  #applies = 0n;
  #failures = 0n;
  #lastError = '';
  #hadPolicyProblems = false;
  readonly #withdrawn: WithdrawnConnections;
  readonly #networkHealth: SideHealth;
  readonly #bandwidthHealth: SideHealth;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#withdrawn = new WithdrawnConnections(options);
    this.#networkHealth = new SideHealth({
      health: options.networkHealth,
      isReadyAnyway: false,
      meaning: 'no way to other hosts',
      log: options.log,
    });
    // A workload without its limit is better than one without a network.
    this.#bandwidthHealth = new SideHealth({
      health: options.bandwidthHealth,
      isReadyAnyway: true,
      meaning: 'bandwidth is not limited as it should be',
      remedy: 'the kernel needs sch_tbf, sch_ingress, cls_u32, act_mirred and ifb',
      log: options.log,
    });
  }

  get isInSync(): boolean {
    return this.#isInSync && this.#programmedOnce();
  }

  get status(): { received: bigint; applies: bigint; failures: bigint; writes: number; lastError: string } {
    const { policy, interfaces, network, bandwidth } = this.#options;
    return {
      received: this.#received,
      applies: this.#applies,
      failures: this.#failures,
      writes: policy.writes + interfaces.writes + network.writes + bandwidth.writes,
      lastError: this.#lastError,
    };
  }

  /** The endpoints as last programmed, by id. */
  get endpoints(): ReadonlyMap<WorkloadEndpointId, Programmed> {
    return this.#programmed;
  }

  /** Takes one flush of calc. `inSync`: the store's first snapshot is in. */
  take(batch: IntentBatch, inSync: boolean, arrivedAt = this.#options.now()): void {
    const now = this.#options.now();
    const isIdle = this.isInSync && !this.#isDirty && !this.#isApplying;
    this.#isInSync ||= inSync;
    this.#received = batch.revision;
    if (batch.intents.length === 0 && isIdle) {
      // Much that the store tells changes nothing here.
      this.#record(batch.revision, now);
      return;
    }
    this.#isStream = now - this.#receivedAt < STREAM_NS;
    this.#receivedAt = now;
    this.#oldestPending ??= arrivedAt;
    this.#backlog.add(batch.intents);
    this.touch();
  }

  /** Something may differ: apply soon. */
  touch(): void {
    this.#isDirty = true;
    this.#wake.resolve(undefined);
  }

  /**
   * Resolves when the endpoint, from `minRevision` on, is up or has an error of its own; gives its state then, or
   * `undefined` when the signal fired first.
   */
  async whenProgrammed(
    id: WorkloadEndpointId,
    minRevision: bigint,
    signal: AbortSignal,
  ): Promise<Programmed | undefined> {
    for (;;) {
      const known = this.#programmed.get(id);
      // An endpoint goes ahead of much else of its revision, with all that it needs.
      const reached = known === undefined ? 0n : maxOf(this.revisions.applied, known.endpoint.revision);
      const isCurrent = reached >= minRevision;
      if (known !== undefined && isCurrent && known.state.state !== 'down') return known;
      if (signal.aborted) return undefined;
      await this.#nextApply(signal);
    }
  }

  /** Applies whenever there is something to, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const stopped = (): void => {
      this.#wake.resolve(undefined);
    };
    signal.addEventListener('abort', stopped, { once: true });
    while (!signal.aborted) {
      await this.#wake.promise;
      // A single change goes at once; of a stream of them, all that arrives in one turn of the event loop is one apply.
      if (this.#isBetweenPieces) await letIn();
      else if (this.#isStream) await new Promise(setImmediate);
      this.#wake = Promise.withResolvers<undefined>();
      // Nothing is written before the store is in sync: what is there may be right.
      if (!this.#isDirty || !this.#isInSync) continue;
      this.#isApplying = true;
      const isDone = await this.#attempt();
      this.#isApplying = false;
      if (!isDone) {
        await sleep(this.#options.backoff.nextMs(), signal);
        this.touch();
      }
    }
  }

  async #attempt(): Promise<boolean> {
    const { policy, interfaces, hostEndpoints, bandwidth, network, shortcut } = this.#options;
    const { log, health, metrics, backoff, now } = this.#options;
    await this.#waitForConnections();
    const startedAt = now();
    this.#takePiece();
    const revision = this.#received;
    const isLast = this.#backlog.isEmpty;
    const pendingSince = this.#oldestPending;
    let hostStates: ReturnType<HostEndpointStates['snapshot']> = new Map();
    const changed = this.#changed;
    const wanted = new Map([...changed].map((id) => [id, this.#wanted.get(id)]));
    this.#changed = new Set();
    this.#isDirty = false;
    this.#oldestPending = undefined;
    using _work = health.work();
    try {
      await this.#options.beforeApply?.();
      this.#takeHostInterfaces();
      hostStates = hostEndpoints.snapshot();
      const errors = interfaces.withdraw();
      await policy.apply();
      this.#bandwidthHealth.report(bandwidth.apply()[0]);
      await this.#handOver(wanted);
      interfaces.establish();
      this.#networkHealth.report(network.apply()[0]);
      await shortcut?.apply();
      if (errors.length > 0) throw new Error(errors.join('; '));
    } catch (error) {
      this.#failures += 1n;
      this.#lastError = errorText(error);
      this.#oldestPending = pendingSince;
      for (const id of changed) this.#changed.add(id);
      metrics.failed();
      log.error({ err: error }, 'could not bring the kernel to what is wanted; trying again');
      health.report({ ready: false, reason: `the kernel refused a change: ${this.#lastError}` });
      return false;
    }
    const finishedAt = now();
    this.#applies += 1n;
    this.#lastError = '';
    backoff.reset();
    health.report({ ready: true });
    const changes = this.#settle(this.#unsettled(wanted));
    if (isLast) this.#record(revision, finishedAt);
    else this.#goOn(pendingSince);
    // Who waits for an endpoint gets the answer before metrics, files and the store do.
    setImmediate(() => {
      metrics.applied(Number(finishedAt - startedAt) / 1e9);
      if (isLast && pendingSince !== undefined) metrics.latency(Number(finishedAt - pendingSince) / 1e9);
    });
    const hostChanges = hostEndpoints.changesTo(hostStates);
    if (changes.length + hostChanges.length === 0) return true;
    setTimeout(() => {
      this.#options.onStates(changes, hostChanges);
    }, ANSWER_MS);
    return true;
  }

  /**
   * Has the connections forgotten of addresses that endpoints have no more. Of those that have gone from one endpoint to
   * another before a route leads there: what was allowed to the one is not to reach the other.
   */
  async #handOver(wanted: ReadonlyMap<WorkloadEndpointId, LocalWorkloadEndpoint | undefined>): Promise<void> {
    const { interfaces, floatingIps } = this.#options;
    const changes = [...wanted].map(([id, endpoint]) => ({ before: this.#programmed.get(id)?.endpoint, endpoint }));
    const withdrawn = interfaces.takeWithdrawn().union(withdrawnAddresses(changes, floatingIps));
    if (withdrawn.size === 0) return;
    const held = new Set([...withdrawn].filter((ip) => interfaces.isHeld(ip)));
    this.#withdrawn.forget(held);
    await this.#waitForConnections();
    this.#withdrawn.forget(withdrawn.difference(held));
  }

  #takeHostInterfaces(): void {
    const { policy, shortcut, hostInterfaces, serviceAddresses, hostEndpoints, metrics } = this.#options;
    const changes = hostInterfaces.takeChanges();
    const updates = changes.filter(({ type }) => type === 'host-interface-update').length;
    if (updates > 0) metrics.hostAddresses(updates);
    if (changes.length > 0) metrics.hostInterfaces(changes.length);
    policy.update([...changes, ...(serviceAddresses?.takeChanges() ?? [])]);
    shortcut?.update(changes);
    hostEndpoints.take(changes);
  }

  /** Tells the drivers what is next. */
  #takePiece(): void {
    const { policy, shortcut, network, bandwidth, hostEndpoints, interfaces, floatingIps } = this.#options;
    const intents = this.#backlog.take(policy.pieceSize);
    policy.update(intents);
    shortcut?.update(intents);
    network.update(intents);
    bandwidth.update(intents);
    hostEndpoints.take(intents);
    for (const intent of intents) {
      if (intent.type === 'workload-endpoint-update') {
        this.#changed.add(intent.id);
        this.#wanted.set(intent.id, intent.endpoint);
        interfaces.update(intent.id, floatingIps ? withFloating(intent.endpoint) : intent.endpoint);
      } else if (intent.type === 'workload-endpoint-remove') {
        this.#changed.add(intent.id);
        this.#wanted.delete(intent.id);
        interfaces.remove(intent.id);
      }
    }
  }

  /** Everything up to a revision is in the kernel. */
  #record(revision: bigint, unixNanos: bigint): void {
    this.#isBetweenPieces = false;
    this.revisions.record(revision, unixNanos);
    this.#wakeWaiters();
  }

  /** A piece is in the kernel, and there are others. */
  #goOn(pendingSince: bigint | undefined): void {
    this.#isBetweenPieces = true;
    this.#oldestPending = pendingSince;
    this.#wakeWaiters();
    this.touch();
  }

  #wakeWaiters(): void {
    for (const wake of this.#waiters) wake();
  }

  async #waitForConnections(): Promise<void> {
    const { now, metrics } = this.#options;
    const { settled } = this.#withdrawn;
    if (settled === undefined) return;
    const startedAt = now();
    await settled;
    metrics.waitedForConnections(Number(now() - startedAt) / 1e9);
  }

  /** The endpoints, as they were when the apply began, whose state may be another after it. */
  #unsettled(
    changed: ReadonlyMap<WorkloadEndpointId, LocalWorkloadEndpoint | undefined>,
  ): ReadonlyMap<WorkloadEndpointId, LocalWorkloadEndpoint | undefined> {
    const { policy, interfaces } = this.#options;
    const unsettled = new Map(changed);
    const touched = interfaces.takeTouched();
    // A chain that the kernel refuses may be anybody's.
    const isAny = policy.hasProblems || this.#hadPolicyProblems;
    this.#hadPolicyProblems = policy.hasProblems;
    for (const id of isAny ? this.#wanted.keys() : touched) {
      if (!unsettled.has(id)) unsettled.set(id, this.#wanted.get(id));
    }
    return unsettled;
  }

  /** Takes endpoints' states after an apply, and gives those that changed. */
  #settle(wanted: ReadonlyMap<WorkloadEndpointId, LocalWorkloadEndpoint | undefined>): EndpointChange[] {
    const changes: EndpointChange[] = [];
    for (const [id, endpoint] of wanted) {
      const before = this.#programmed.get(id);
      if (endpoint === undefined) {
        if (before === undefined) continue;
        this.#programmed.delete(id);
        const state: InterfaceState = { state: 'down', reason: 'the endpoint is gone' };
        changes.push({ id, endpoint, before: before.endpoint, state });
        continue;
      }
      const problem = this.#options.policy.problemOf(endpoint);
      const state: InterfaceState =
        problem === undefined ? this.#options.interfaces.stateOf(id) : { state: 'error', reason: problem };
      if (before?.endpoint === endpoint && sameState(before.state, state)) continue;
      this.#programmed.set(id, { endpoint, state });
      changes.push({ id, endpoint, before: before?.endpoint, state });
    }
    return changes;
  }

  #programmedOnce(): boolean {
    return this.#applies > 0n;
  }

  #nextApply(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#waiters.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }
}

function sameState(a: InterfaceState, b: InterfaceState): boolean {
  return a.state === b.state && (a.state === 'up' || b.state === 'up' || a.reason === b.reason);
}

function maxOf(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
