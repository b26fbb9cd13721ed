import { lookup } from 'node:dns/promises';
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { tryParseIp, type IpAddress } from '@calico-node/net';
import { writeSysctl } from '@calico-node/netlink';
import { nodePaths, sleep, type Logger, type Reporter } from '@calico-node/service';
import { nativeSource } from '../bgp/native-source.ts';
import type { ComponentSpec } from '../supervisor/component.ts';
import { earlySpeaker } from '../supervisor/node-components.ts';
import { endOrphans } from '../supervisor/orphans.ts';
import { Supervisor } from '../supervisor/supervisor.ts';
import type { EarlySetup } from './early-file.ts';
import { earlyReport, speakerReadiness } from './early-readiness.ts';
import { applyHostPlan, readHostState } from './host.ts';
import { planHost } from './host-plan.ts';
import { earlyPort, speakerConfig } from './speaker-config.ts';
import { isListening, nextTurn, turnAtStart, type Turn } from './turn.ts';

/** Where the node's own speaker listens. */
const bgpPort = 179;
const lookMs = 250;
/** How often the host's addresses and routes are looked at again, as Calico does. */
const recheckMs = 10_000;
/** rtm_protocol of the routes that speakers leave when they end. */
const bgpRoutes = 12;

export interface EarlyOptions {
  readonly setup: EarlySetup;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** `main.ts` or the bundle that runs now. */
  readonly ownFile: string;
  /** The name of the directory for the speaker's files, in the run directory: one for each that may run at once. */
  readonly name: string;
  /** Whether the node's own speaker is started beside this, by the same supervisor. */
  readonly startsOwn: boolean;
  /** Whether that is at work, where more is known than that somebody listens on port 179. */
  readonly isOwnSpeakerReady?: () => boolean;
  /** Is told how it goes. */
  readonly reporter: Reporter;
}

function listens(port: number): boolean {
  return ['/proc/net/tcp', '/proc/net/tcp6'].some((file) => {
    try {
      return isListening(readFileSync(file, 'utf8'), port);
    } catch {
      return false; // a host without IPv6
    }
  });
}

/** The machine that starts an OpenShift cluster, by its name there; mostly there is none. */
async function bootstrapAddresses(): Promise<readonly IpAddress[]> {
  try {
    const found = await lookup('bootstrap', { all: true, family: 4 });
    return found.flatMap(({ address }) => tryParseIp(address) ?? []);
  } catch {
    return [];
  }
}

/**
 * The network of a host between two planes, before and beside everything else of the node: its stable address, and a
 * BGP speaker until the node's own takes over. What the speaker has learnt stays in the kernel when it ends, and is
 * the other's from there (both write routes of one protocol, and keep those of each other until they have converged).
 */
export class EarlyNetworking {
  readonly #options: EarlyOptions;
  readonly #dir: string;
  readonly #bootstraps: readonly IpAddress[];
  readonly #stopping = new AbortController();
  #supervisor: Supervisor | undefined;
  #following: Promise<void> = Promise.resolve();
  #hostTrouble: string | undefined;
  #trouble: string | undefined;

  private constructor(options: EarlyOptions, dir: string, bootstraps: readonly IpAddress[]) {
    this.#options = options;
    this.#dir = dir;
    this.#bootstraps = bootstraps;
  }

  /** Sets the host up and begins to speak BGP. @throws NetlinkError when the kernel refuses the host's set-up. */
  static async start(options: EarlyOptions): Promise<EarlyNetworking> {
    const { env, log, setup, name } = options;
    const path = join(nodePaths(env).runDir, name);
    mkdirSync(path, { recursive: true });
    const dir = realpathSync(path);
    await endOrphans(dir);
    const bootstraps = setup.config.isOpenShift ? await bootstrapAddresses() : [];
    const early = new EarlyNetworking(options, dir, bootstraps);
    const hasLeftovers = readHostState().routes.some(({ protocol }) => protocol === bgpRoutes);
    early.#setUpHost();
    for (const setting of ['fib_multipath_hash_policy', 'fib_multipath_use_neigh']) {
      try {
        writeSysctl(`net.ipv4.${setting}`, 1);
      } catch (error) {
        log.warn({ err: error, setting }, 'connections are not spread over the ToRs as they could be');
      }
    }
    writeFileSync(early.#configFile, JSON.stringify(speakerConfig(setup, hostname()), null, 2));
    log.info({ stableAddress: setup.node.stableAddress, foundBy: setup.address }, 'early networking is set up');
    early.#following = early.#follow(turnAtStart(hasLeftovers && options.startsOwn, Date.now()));
    return early;
  }

  /** The children that are Node.js's own to wait for. */
  pids(): ReadonlySet<number> {
    return this.#supervisor?.pids() ?? new Set();
  }

  /** What keeps the host from its network, as far as it is known here; undefined for nothing. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Ends the speaker; the host stays as it is. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#following;
  }

  get #configFile(): string {
    return join(this.#dir, 'bgp.json');
  }

  #setUpHost(): void {
    const { node, config } = this.#options.setup;
    const state = readHostState();
    const { forcesDefaultRoute } = config;
    applyHostPlan(
      planHost(node, state, { forcesDefaultRoute, bootstraps: this.#bootstraps }),
      node.stableAddress,
      state,
    );
  }

  async #follow(start: Turn): Promise<void> {
    const { signal } = this.#stopping;
    const { isOwnSpeakerReady = () => false } = this.#options;
    const isStopped = (): boolean => signal.aborted;
    let turn = start;
    let checkedMs = Date.now();
    while (!isStopped()) {
      turn = nextTurn(turn, listens(bgpPort) || isOwnSpeakerReady(), Date.now());
      if (!turn.isEarly) await this.#end();
      else if (this.#supervisor === undefined && !listens(earlyPort)) this.#begin();
      if (Date.now() - checkedMs >= recheckMs) {
        checkedMs = Date.now();
        this.#keepUpHost();
      }
      this.#report(turn);
      await sleep(lookMs, signal);
    }
    await this.#end();
  }

  #keepUpHost(): void {
    try {
      this.#setUpHost();
      this.#hostTrouble = undefined;
    } catch (error) {
      this.#hostTrouble = error instanceof Error ? error.message : String(error);
      this.#options.log.warn({ err: error }, "the host's addresses and routes towards the ToRs cannot be kept up");
    }
  }

  #report(turn: Turn): void {
    const report = earlyReport({
      turn,
      hostTrouble: this.#hostTrouble,
      causes: this.#supervisor?.causes() ?? [],
      isLost: this.#supervisor?.statuses().some(({ phase }) => phase === 'crash-loop') ?? false,
    });
    this.#trouble = report.ready ? undefined : report.reason;
    this.#options.reporter.report(report);
  }

  #begin(): void {
    const { env, log, ownFile } = this.#options;
    log.info('early BGP speaks');
    const component: ComponentSpec = {
      ...earlySpeaker({
        ownFile,
        nodeBinary: process.execPath,
        runDir: this.#dir,
        env,
        configFile: this.#configFile,
        port: earlyPort,
      }),
      probe: async () => {
        try {
          return speakerReadiness(await nativeSource(join(this.#dir, 'bgp.sock')).sessions(4));
        } catch (error) {
          return { ready: false, reason: error instanceof Error ? error.message : String(error) };
        }
      },
    };
    this.#supervisor = new Supervisor({
      components: [component],
      log,
      onLine: (json) => process.stderr.write(`${json}\n`),
    });
    this.#supervisor.start();
  }

  async #end(): Promise<void> {
    const supervisor = this.#supervisor;
    if (supervisor === undefined) return;
    await supervisor.stop();
    this.#supervisor = undefined;
    this.#options.log.info('early BGP has ended; its routes stay');
  }
}
