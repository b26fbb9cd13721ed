import type { LoggedPacket, NflogOptions } from '@calico-node/netlink/nflog';

/** How often it begins to listen again. */
const PERIOD_MS = 1000;

export interface LogListenerOptions {
  /** Begins to listen. Throws where the kernel refuses it. */
  readonly open: (handlers: Pick<NflogOptions, 'onPacket' | 'onOverrun'>) => Disposable;
  readonly onPacket: (packet: LoggedPacket) => void;
  /** Packets a second; more are not heard. */
  readonly limit: number;
}

/**
 * Hears of logged packets, but of no more than there is time for: a workload that sends nothing but what is denied must
 * not keep Felix from its work. Beyond the limit it does not listen until the second is over, which costs nothing.
 */
export class LogListener implements Disposable {
  readonly #options: LogListenerOptions;
  readonly #timer: NodeJS.Timeout;
  #open: Disposable | undefined;
  #left: number;
  #hasMissed = false;

  /** Throws where the kernel refuses it. */
  constructor(options: LogListenerOptions) {
    this.#options = options;
    this.#left = options.limit;
    this.#open = this.#listen();
    this.#timer = setInterval(() => {
      this.#left = options.limit;
      try {
        this.#open ??= this.#listen();
      } catch {
        // Somebody else reads the group now; it may be free again later.
        this.#hasMissed = true;
      }
    }, PERIOD_MS);
  }

  /** Whether there were packets since the last call that it has not heard of. */
  takeMissed(): boolean {
    const hasMissed = this.#hasMissed;
    this.#hasMissed = false;
    return hasMissed;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#stop();
  }

  #listen(): Disposable {
    return this.#options.open({
      onPacket: (packet) => {
        if (this.#left > 0) {
          this.#left--;
          this.#options.onPacket(packet);
          return;
        }
        this.#hasMissed = true;
        if (this.#left < 0) return;
        this.#left = -1;
        // Not amid its packets.
        setImmediate(() => {
          if (this.#left < 0) this.#stop();
        });
      },
      onOverrun: () => {
        this.#hasMissed = true;
      },
    });
  }

  #stop(): void {
    this.#open?.[Symbol.dispose]();
    this.#open = undefined;
  }
}
