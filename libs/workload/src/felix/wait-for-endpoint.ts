import { callUnary, connectUnix, felixV1, isRpcError } from '@calico-node/rpc';
import { sleep } from '@calico-node/service';

const pollMs = 50;

/** Why Felix has not programmed the endpoint in time. */
export class FelixTimeout extends Error {
  override readonly name = 'FelixTimeout';
}

export interface FelixWait {
  readonly socket: string;
  readonly id: felixV1.WorkloadEndpointId;
  /** The store revision of the endpoint that has to be in the kernel. */
  readonly minRevision: bigint;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Waits until Felix says that the endpoint of this revision, its policy and its routes are in the kernel. A
 * Felix that is restarted meanwhile is asked again.
 *
 * @throws FelixTimeout with what Felix said last.
 */
export async function waitForFelix({ socket, id, minRevision, timeoutMs, signal }: FelixWait): Promise<void> {
  const client = connectUnix(felixV1.FelixServiceClient, socket);
  const deadline = Date.now() + timeoutMs;
  const request: felixV1.WaitForEndpointRequest = { id, minRevision };
  let last = 'it has not answered';
  try {
    for (let left = timeoutMs; left > 0 && !signal.aborted; left = deadline - Date.now()) {
      try {
        const options = { timeoutMs: left, waitForReady: true, signal };
        const { state, reason } = await callUnary(client.waitForEndpoint.bind(client), request, options);
        if (state === felixV1.EndpointState.UP) return;
        last = reason === '' ? `it says that the endpoint is not up (${String(state)})` : reason;
      } catch (error) {
        if (!isRpcError(error)) throw error;
        if (error.code !== 'DEADLINE_EXCEEDED' && error.code !== 'CANCELLED') last = error.message;
      }
      await sleep(Math.min(pollMs, Math.max(0, deadline - Date.now())), signal);
    }
  } finally {
    client.close();
  }
  throw new FelixTimeout(`felix has not programmed the endpoint within ${timeoutMs / 1000} s: ${last}`);
}
