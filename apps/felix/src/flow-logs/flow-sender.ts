/**
 * Sends flows to a collector over one stream, and sends those of the last minutes again over the next stream when that is
 * lost: a collector that starts anew knows nothing of them, and one that does know drops what it has.
 */
import type { FlowCollectorClient, FlowUpdate, FlowReceipt, Flow } from '@calico-node/rpc/goldmane';
import type { Backoff, Logger } from '@calico-node/service';

/** How long flows are kept for a collector that starts anew. */
const KEPT_MS = 5 * 60_000;
/** The oldest go when there are more. */
const LIMIT = 10_000;
/** How many the collector may owe receipts for. */
const WINDOW = 100;

type Stream = ReturnType<FlowCollectorClient['connect']>;

export interface FlowSenderOptions {
  /** Throws where it cannot so much as try. */
  readonly connect: () => FlowCollectorClient;
  readonly backoff: Backoff;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Milliseconds. */
  readonly now: () => number;
}

interface Kept {
  readonly update: FlowUpdate;
  readonly atMs: number;
}

export class FlowSender implements Disposable {
  readonly #options: FlowSenderOptions;
  #kept: Kept[] = [];
  /** Of those kept, how many this stream has been given, and how many of these it has not answered. */
  #given = 0;
  #unanswered = 0;
  #client: FlowCollectorClient | undefined;
  #stream: Stream | undefined;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;
  #hasFailed = false;

  constructor(options: FlowSenderOptions) {
    this.#options = options;
    this.#open();
  }

  send(flows: readonly Flow[]): void {
    if (this.#isClosed) return;
    const atMs = this.#options.now();
    for (const flow of flows) this.#kept.push({ update: { flow }, atMs });
    this.#forget(atMs);
    this.#pump();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    this.#stream?.cancel();
    this.#client?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): void {
    const { log, backoff } = this.#options;
    this.#retry = undefined;
    try {
      this.#client = this.#options.connect();
    } catch (error) {
      this.#lost(error);
      return;
    }
    const stream = this.#client.connect();
    this.#stream = stream;
    stream.on('data', (_receipt: FlowReceipt) => {
      if (this.#hasFailed) log.info({}, 'flows reach their collector again');
      this.#hasFailed = false;
      backoff.reset();
      this.#unanswered--;
      this.#pump();
    });
    const end = (error: unknown): void => {
      if (this.#stream === stream) this.#lost(error);
    };
    stream.on('error', end);
    stream.on('end', () => {
      end(new Error('the collector ended the stream'));
    });
    this.#pump();
  }

  #lost(error: unknown): void {
    this.#stream = undefined;
    this.#client?.close();
    this.#client = undefined;
    this.#given = 0;
    this.#unanswered = 0;
    if (this.#isClosed) return;
    if (!this.#hasFailed) this.#options.log.warn({ err: error }, 'flows do not reach their collector');
    this.#hasFailed = true;
    this.#retry = setTimeout(() => {
      this.#open();
    }, this.#options.backoff.nextMs());
  }

  #pump(): void {
    while (this.#stream !== undefined && this.#unanswered < WINDOW) {
      const next = this.#kept[this.#given];
      if (next === undefined) return;
      this.#given++;
      this.#unanswered++;
      this.#stream.write(next.update);
    }
  }

  /** What is on its way stays: its receipts are yet to come. */
  #forget(nowMs: number): void {
    const answered = this.#given - this.#unanswered;
    const firstKept = this.#kept.findIndex(({ atMs }, index) => index >= answered || nowMs - atMs < KEPT_MS);
    this.#leave(firstKept === -1 ? this.#kept.length : firstKept);
    const excess = this.#kept.length - LIMIT;
    if (excess <= 0) return;
    const known = Math.min(excess, this.#given - this.#unanswered);
    this.#leave(known);
    if (excess === known) return;
    this.#kept.splice(this.#given, excess - known);
    this.#options.log.warn({ flows: excess - known }, 'flows are lost: their collector does not take them');
  }

  #leave(count: number): void {
    this.#kept.splice(0, count);
    this.#given -= count;
  }
}
