import type { Backend } from '@calico-node/datastore';
import {
  encodeEndpointStatus,
  encodeFelixStatus,
  felixLastStatusKey,
  felixStatusKey,
  hostEndpointStatusKey,
  hostEndpointStatusPrefix,
  workloadEndpointStatusKey,
  workloadEndpointStatusPrefix,
} from '@calico-node/model';
import { sleep, type Logger } from '@calico-node/service';
import type { WorkloadEndpointIdentity } from '../calc/endpoint-id.ts';

export type EndpointStatusWord = 'up' | 'down' | 'error';

export interface StatusReporterOptions {
  readonly backend: Backend;
  readonly hostname: string;
  readonly region: string;
  /** How often the process says that it lives, in seconds (ReportingIntervalSecs); 0: never. */
  readonly intervalSeconds: number;
  /** How long that holds, in seconds (ReportingTTLSecs). */
  readonly ttlSeconds: number;
  /** Whether endpoints' states are written too (EndpointReportingEnabled). */
  readonly reportsEndpoints: boolean;
  /** The pause between two writes of endpoint states, in seconds (EndpointReportingDelaySecs). */
  readonly endpointDelaySeconds: number;
  /** Called with each report on the process, right before it is written. */
  readonly onReport?: (value: string) => void;
  readonly log: Logger;
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** Calico's limit for one write of a status. */
const writeTimeoutMs = 2000;
/** The reporter compares all of its endpoint states with the store's every so many delays. */
const resyncDelays = 180;

/**
 * Tells the store how Felix and its endpoints are, in Calico's keys. Writes of endpoint states coalesce by key, and a
 * store that is away costs nothing but the reports.
 */
export class StatusReporter {
  readonly #options: StatusReporterOptions;
  readonly #wanted = new Map<string, EndpointStatusWord>();
  readonly #pending = new Set<string>();
  #isInSync = false;
  #wake = Promise.withResolvers<undefined>();

  constructor(options: StatusReporterOptions) {
    this.#options = options;
  }

  setEndpoint(identity: WorkloadEndpointIdentity, status: EndpointStatusWord): void {
    this.#set(this.#keyOf(identity), status);
  }

  removeEndpoint(identity: WorkloadEndpointIdentity): void {
    this.#set(this.#keyOf(identity), undefined);
  }

  /** `undefined`: the endpoint is gone. */
  setHostEndpoint(name: string, status: EndpointStatusWord | undefined): void {
    this.#set(hostEndpointStatusKey(this.#options.hostname, name), status);
  }

  /** From now on what the store says of endpoints that we do not have is removed. */
  inSync(): void {
    this.#isInSync = true;
    this.#wake.resolve(undefined);
  }

  /** Reports until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#reportProcess(signal), this.#reportEndpoints(signal)]);
  }

  #keyOf({ orchestratorId, workloadId, endpointId }: WorkloadEndpointIdentity): string {
    const { hostname: host, region } = this.#options;
    return workloadEndpointStatusKey({
      host,
      region,
      orchestrator: orchestratorId,
      workload: workloadId,
      endpoint: endpointId,
    });
  }

  #set(key: string, status: EndpointStatusWord | undefined): void {
    if (this.#wanted.get(key) === status) return;
    if (status === undefined) this.#wanted.delete(key);
    else this.#wanted.set(key, status);
    this.#pending.add(key);
    this.#wake.resolve(undefined);
  }

  async #reportProcess(signal: AbortSignal): Promise<void> {
    const { backend, hostname, region, intervalSeconds, ttlSeconds, onReport, now } = this.#options;
    if (intervalSeconds === 0) return;
    const startedAt = now();
    let isFirst = true;
    while (!signal.aborted) {
      const uptime = (now() - startedAt) / 1000;
      // RFC 3339 without fractions, as in Go.
      const time = new Date(now()).toISOString().replace(/\.\d+/, '');
      const value = encodeFelixStatus({ time, uptime, first_update: isFirst });
      const limits = { timeoutMs: writeTimeoutMs, signal };
      const isWritten = await this.#attempt('felix status', async () => {
        onReport?.(value);
        await backend.put(felixStatusKey(hostname, region), value, { ...limits, ttlSeconds: Math.ceil(ttlSeconds) });
        await backend.put(felixLastStatusKey(hostname, region), value, limits);
      });
      if (isWritten) isFirst = false;
      await sleep(intervalSeconds * 1000, signal);
    }
  }

  async #reportEndpoints(signal: AbortSignal): Promise<void> {
    const { reportsEndpoints, endpointDelaySeconds } = this.#options;
    if (!reportsEndpoints) return;
    const delayMs = Math.max(endpointDelaySeconds, 0.05) * 1000;
    let untilResync = 0;
    while (!signal.aborted) {
      if (this.#isInSync && untilResync <= 0) {
        if (await this.#attempt('endpoint states', () => this.#compareWithStore(signal))) untilResync = resyncDelays;
      }
      await this.#writeNext(signal);
      if (this.#pending.size === 0) await this.#idle(delayMs * resyncDelays, signal);
      else await sleep(delayMs, signal);
      untilResync -= 1;
    }
  }

  /** Waits for something to do, or for the next comparison. */
  async #idle(ms: number, signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    void this.#wake.promise.then(() => {
      woken.abort();
    });
    await sleep(ms, AbortSignal.any([signal, woken.signal]));
    this.#wake = Promise.withResolvers<undefined>();
  }

  /** Writes one state; what fails stays pending. */
  async #writeNext(signal: AbortSignal): Promise<void> {
    const [key] = this.#pending;
    if (key === undefined) return;
    const status = this.#wanted.get(key);
    const { backend } = this.#options;
    const limits = { timeoutMs: writeTimeoutMs, signal };
    const isDone = await this.#attempt(key, async () => {
      if (status !== undefined) await backend.put(key, encodeEndpointStatus({ status }), limits);
      else if ((await backend.get(key, limits)) !== undefined) await backend.delete(key, undefined, limits);
    });
    if (isDone && this.#wanted.get(key) === status) this.#pending.delete(key);
  }

  async #compareWithStore(signal: AbortSignal): Promise<void> {
    const { backend, hostname, region } = this.#options;
    const prefixes = [workloadEndpointStatusPrefix(hostname, region), hostEndpointStatusPrefix(hostname)];
    const lists = await Promise.all(prefixes.map((prefix) => backend.list(prefix, { signal })));
    const stored = new Map(lists.flatMap(({ items }) => items.map(({ key, value }) => [key, value])));
    for (const key of stored.keys()) if (!this.#wanted.has(key)) this.#pending.add(key);
    for (const [key, status] of this.#wanted) {
      if (stored.get(key) !== encodeEndpointStatus({ status })) this.#pending.add(key);
    }
  }

  async #attempt(what: string, write: () => Promise<void>): Promise<boolean> {
    try {
      await write();
      return true;
    } catch (error) {
      this.#options.log.warn({ err: error, what }, 'status not reported');
      return false;
    }
  }
}
