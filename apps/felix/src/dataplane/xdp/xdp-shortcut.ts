import { RouteSocket } from '@calico-node/netlink';
import type { Intent } from '../../calc/intents.ts';
import { XdpDenials } from '../../rules/xdp-denials.ts';
import { Retry } from '../retry.ts';
import type { XdpDriver, XdpDriverOptions } from './xdp-driver.ts';

export interface XdpShortcutOptions extends Omit<XdpDriverOptions, 'onPassedOver' | 'onRepair'> {
  /** XDPEnabled. Where it is not, what an earlier run left is taken away. */
  readonly isEnabled: boolean;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
  };
}

const RETRY_MAX_MS = 10_000;

/**
 * The packet filter's shortcut: XDP drops what the first rules of host endpoints' untracked policy deny. Nothing depends
 * on it. Its driver is rare and is only loaded where there is something to drop, or something left of an earlier run.
 */
export class XdpShortcut implements Disposable {
  readonly #options: XdpShortcutOptions;
  readonly #denials = new XdpDenials();
  #driver: XdpDriver | undefined;
  #told: ReturnType<XdpDenials['sources']> | undefined;
  #isInSync = false;
  #repairs = 0;
  readonly #retry: Retry;
  /** As of the last attempt, as one text. */
  #problems = '';

  constructor(options: XdpShortcutOptions) {
    this.#options = options;
    this.#retry = new Retry(options.onDirty, RETRY_MAX_MS);
  }

  /** How often a foreign change was put right. */
  get repairs(): number {
    return this.#repairs;
  }

  /** Packets dropped by interface, since its program was put there. */
  drops(): ReturnType<XdpDriver['drops']> {
    return this.#driver?.drops() ?? [];
  }

  /** Takes changes into what should be; no I/O. */
  update(intents: readonly Intent[]): void {
    for (const intent of intents) {
      if (intent.type === 'in-sync') this.#isInSync = true;
      else if (intent.type === 'ip-set-update' || intent.type === 'ip-set-delta') this.#driver?.updateSet(intent);
      else if (this.#options.isEnabled) this.#denials.take(intent);
    }
  }

  /** Has the kernel read anew, where there is something of ours. */
  resync(): void {
    if (this.#driver === undefined) return;
    this.#driver.resync();
    this.#options.onDirty();
  }

  /** Makes it so, from in-sync on. What fails is logged once and tried again; nothing is thrown. */
  async apply(): Promise<void> {
    if (!this.#isInSync) return;
    const problems = await this.#attempt().catch((error: unknown) => [String(error)]);
    const before = this.#problems;
    this.#problems = problems.join('; ');
    if (problems.length === 0) {
      this.#retry.succeeded();
      if (this.#told?.size === 0) this.#unload();
      return;
    }
    if (this.#problems !== before) this.#options.log.warn({ problems }, 'XDP is not as it should be; trying again');
    this.#retry.failed();
  }

  [Symbol.dispose](): void {
    this.#retry[Symbol.dispose]();
    this.#unload();
  }

  async #attempt(): Promise<readonly string[]> {
    const isFirst = this.#told === undefined;
    const sources = this.#denials.sources();
    if (this.#driver === undefined && (sources.size > 0 || (isFirst && this.#hasPrograms()))) {
      this.#driver = await this.#load();
    }
    if (sources !== this.#told) this.#driver?.setTargets(sources);
    this.#told = sources;
    return this.#driver?.apply() ?? [];
  }

  #unload(): void {
    this.#driver?.[Symbol.dispose]();
    this.#driver = undefined;
  }

  /** Whoever they are of. */
  #hasPrograms(): boolean {
    const { netns } = this.#options;
    using route = RouteSocket.open(netns === undefined ? {} : { netns });
    return route.listXdp().some(({ programs }) => programs.length > 0);
  }

  async #load(): Promise<XdpDriver> {
    const { log } = this.#options;
    const { XdpDriver } = await import('./xdp-driver.ts');
    return new XdpDriver({
      ...this.#options,
      onRepair: (interfaceName) => {
        this.#repairs += 1;
        log.warn({ interface: interfaceName }, 'somebody else changed the XDP program or its maps; they are put right');
      },
      onPassedOver: (interfaceName, reason) => {
        log.info({ interface: interfaceName, reason }, 'XDP is not used: the packet filter alone denies');
      },
    });
  }
}
