/**
 * BFD sessions for BGP neighbours (RFC 5882 4): one for each neighbour that is configured to have it. A
 * session that fails is told of; one that the peer ends on purpose is not a failure (RFC 5882 3.2).
 */
import { randomInt } from 'node:crypto';
import { decodeControlPacket, type BfdConfig, type BfdStateName } from '@calico-node/bfd';
import type { Logger } from '@calico-node/service';
import { isDeepStrictEqual } from 'node:util';
import { peerHop, type BfdSettings, type NeighborConfig, type PeerAddress } from '../config/daemon-config.ts';
import { BfdRunner } from './bfd-runner.ts';
import { BfdReceiver, BfdSender, type BfdHops, type BfdTarget } from './bfd-sockets.ts';

export interface BfdStatus {
  readonly state: BfdStateName;
  readonly sinceMs: number;
  readonly diagnostic: number;
  readonly hops: BfdHops;
  readonly transmitMs: number;
  readonly detectionMs: number;
  /** How often it has failed. */
  readonly failures: number;
}

interface Entry {
  readonly name: string;
  readonly discriminator: number;
  readonly target: BfdTarget;
  readonly runner: BfdRunner;
  settings: BfdSettings;
  failures: number;
}

export class Bfd {
  readonly #entries = new Map<string, Entry>();
  /** Those that are disabled, and still tell so (RFC 5880 6.8.16). */
  readonly #leaving = new Set<Entry>();
  #onLeft: (() => void) | undefined;
  readonly #receiver: BfdReceiver;
  readonly #onFailed: (neighbor: string, keepsRoutes: boolean) => void;
  readonly #log: Logger;
  /** Packets that belong to no session, or are none. */
  dropped = 0;

  constructor(onFailed: (neighbor: string, keepsRoutes: boolean) => void, log: Logger) {
    this.#onFailed = onFailed;
    this.#log = log;
    this.#receiver = new BfdReceiver((bytes, from, hops) => {
      this.#received(bytes, from, hops);
    }, log);
  }

  /** Has sessions with these neighbours, as far as they are configured to, and with no others. */
  sync(neighbors: readonly NeighborConfig[]): void {
    const wanted = new Map(neighbors.map((neighbor) => [neighbor.name, neighbor]));
    for (const entry of this.#entries.values()) {
      const config = wanted.get(entry.name);
      if (config?.bfd === undefined || !isDeepStrictEqual(entry.target, targetOf(config, config.bfd))) this.#end(entry);
    }
    for (const config of wanted.values()) {
      if (config.bfd === undefined) continue;
      const entry = this.#entries.get(config.name);
      if (entry === undefined) this.#begin(config, config.bfd);
      else if (!isDeepStrictEqual(entry.settings, config.bfd)) this.#change(entry, config.bfd);
    }
    this.#receiver.listenFor([...this.#entries.values()].map(({ target }) => target));
  }

  status(neighbor: string): BfdStatus | undefined {
    const entry = this.#entries.get(neighbor);
    if (entry === undefined) return undefined;
    const { runner, target, failures } = entry;
    const { state, diagnostic } = runner.session;
    return { state, diagnostic, sinceMs: runner.sinceMs, hops: target.hops, ...runner.times, failures };
  }

  /** Ends all sessions. The peers are told that this is on purpose: settles once they have been, or after so long. */
  async close(farewellMs: number): Promise<void> {
    for (const entry of this.#entries.values()) this.#end(entry);
    this.#receiver.close();
    if (this.#leaving.size === 0) return;
    const giveUp = setTimeout(() => {
      for (const { runner } of this.#leaving) runner.end();
    }, farewellMs);
    await new Promise<void>((resolve) => (this.#onLeft = resolve));
    clearTimeout(giveUp);
  }

  #begin(config: NeighborConfig, settings: BfdSettings): void {
    const target = targetOf(config, settings);
    const { name } = config;
    // One session with a peer at a time: two voices would have it go up and down.
    for (const other of this.#leaving) if (isSamePeer(other.target, target)) other.runner.end();
    const log = this.#log.child({ peer: name });
    const sender = new BfdSender(target, log);
    const discriminator = this.#freeDiscriminator();
    const runner = new BfdRunner(machineConfig(settings, discriminator), {
      send: (packet) => {
        sender.send(packet);
      },
      changed: (from, to, cause) => {
        const isFailure =
          from === 'Up' && (cause === 'detection time expired' || cause === 'the neighbour signalled down');
        log[isFailure ? 'warn' : 'info']({ from, to, cause }, 'BFD session changed');
        if (!isFailure) return;
        entry.failures++;
        this.#onFailed(name, entry.settings.graceful);
      },
      ended: () => {
        sender.close();
        this.#leaving.delete(entry);
        if (this.#leaving.size === 0) this.#onLeft?.();
      },
    });
    const entry: Entry = { name, discriminator, target, runner, settings, failures: 0 };
    this.#entries.set(name, entry);
    runner.dispatch({ kind: 'start' });
  }

  #change(entry: Entry, settings: BfdSettings): void {
    entry.settings = settings;
    entry.runner.reconfigure(machineConfig(settings, entry.discriminator));
  }

  #end(entry: Entry): void {
    this.#entries.delete(entry.name);
    this.#leaving.add(entry);
    entry.runner.dispatch({ kind: 'disable' });
  }

  #freeDiscriminator(): number {
    const used = new Set([...this.#entries.values()].map(({ discriminator }) => discriminator));
    for (;;) {
      const discriminator = randomInt(1, 2 ** 32);
      if (!used.has(discriminator)) return discriminator;
    }
  }

  /** RFC 5880 6.3, and RFC 5881 3, RFC 5883 4 for packets that name no session yet. */
  #received(bytes: Uint8Array, remote: PeerAddress, hops: BfdHops): void {
    const from = peerHop(remote);
    const decoded = decodeControlPacket(bytes);
    const entry = decoded.ok
      ? [...this.#entries.values()].find(
          ({ target, discriminator }) =>
            peerHop(target) === from &&
            target.hops === hops &&
            [0, discriminator].includes(decoded.packet.yourDiscriminator),
        )
      : undefined;
    if (!decoded.ok || entry === undefined) {
      this.dropped++;
      this.#log.debug({ from, problem: decoded.ok ? 'no session' : decoded.problem }, 'BFD packet dropped');
    } else {
      entry.runner.dispatch({ kind: 'packet', packet: decoded.packet });
    }
  }
}

function isSamePeer(a: BfdTarget, b: BfdTarget): boolean {
  return a.hops === b.hops && peerHop(a) === peerHop(b);
}

function targetOf(
  { address, interfaceName, sourceAddress, multihop }: NeighborConfig,
  settings: BfdSettings,
): BfdTarget {
  const isMulti = settings.multihop || (multihop && !settings.ifConnected);
  return { address, interfaceName, sourceAddress, hops: isMulti ? 'multi' : 'single' };
}

function machineConfig({ minTxMs, minRxMs, multiplier, passive }: BfdSettings, discriminator: number): BfdConfig {
  return { discriminator, minTxUs: minTxMs * 1000, minRxUs: minRxMs * 1000, multiplier, passive };
}
