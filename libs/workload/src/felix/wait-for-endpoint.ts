import { CallStream, felixV1, isRpcError } from '@calico-node/rpc';
import { sleep } from '@calico-node/service';

const pollMs = 50;
const { waitForEndpoint } = felixV1.FelixServiceService;

/** Why Felix has not programmed the endpoint in time. */
export class FelixTimeout extends Error {
  override readonly name = 'FelixTimeout';
}

export interface EndpointWait {
  readonly id: felixV1.WorkloadEndpointId;
  /** The store revision of the endpoint that has to be in the kernel. */
  readonly minRevision: bigint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** A question that was put to Felix before the endpoint was written. */
export interface EarlyWait extends Disposable {
  /** Up to which revision Felix had the endpoint in the kernel when it was up; undefined when it did not say so. */
  readonly upAt: Promise<bigint | undefined>;
}

export interface FelixWait extends EndpointWait {
  readonly socket: string;
}

/** The node's Felix, over a connection that is kept: making one costs as much as programming an endpoint. */
export class FelixConnection implements Disposable {
  readonly #felix: CallStream;

  constructor(socket: string) {
    this.#felix = new CallStream(socket);
  }

  /**
   * Waits until Felix says that the endpoint of this revision, its policy and its routes are in the kernel. A
   * Felix that is restarted meanwhile is asked again.
   *
   * @throws FelixTimeout with what Felix said last.
   */
  async waitForEndpoint({ id, minRevision, timeoutMs, signal }: EndpointWait): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    const request: felixV1.WaitForEndpointRequest = { id, minRevision };
    let last = 'it has not answered';
    for (let left = timeoutMs; left > 0 && !signal.aborted; left = deadline - Date.now()) {
      try {
        const { state, reason } = await this.#felix.call(waitForEndpoint, request, { timeoutMs: left, signal });
        if (state === felixV1.EndpointState.UP) return;
        last = reason === '' ? `it says that the endpoint is not up (${String(state)})` : reason;
      } catch (error) {
        if (!isRpcError(error)) throw error;
        if (error.code !== 'DEADLINE_EXCEEDED' && error.code !== 'CANCELLED') last = error.message;
      }
      await sleep(Math.min(pollMs, Math.max(0, deadline - Date.now())), signal);
    }
    throw new FelixTimeout(`felix has not programmed the endpoint within ${timeoutMs / 1000} s: ${last}`);
  }

  /**
   * Asks before the endpoint is written, so that the answer need not wait for the question. It counts only when its
   * revision is not before the endpoint's; otherwise ask again, with {@link waitForEndpoint}.
   */
  anticipate({ id, timeoutMs, signal }: Omit<EndpointWait, 'minRevision'>): EarlyWait {
    const end = new AbortController();
    const options = { timeoutMs, signal: AbortSignal.any([signal, end.signal]) };
    const asked = this.#felix.call(waitForEndpoint, { id, minRevision: 0n }, options);
    return {
      upAt: asked.then(
        ({ state, revision }) => (state === felixV1.EndpointState.UP ? revision : undefined),
        () => undefined,
      ),
      [Symbol.dispose]: () => {
        end.abort();
      },
    };
  }

  close(): void {
    this.#felix.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** {@link FelixConnection.waitForEndpoint} for one endpoint. @throws FelixTimeout */
export async function waitForFelix({ socket, ...wait }: FelixWait): Promise<void> {
  using felix = new FelixConnection(socket);
  await felix.waitForEndpoint(wait);
}
