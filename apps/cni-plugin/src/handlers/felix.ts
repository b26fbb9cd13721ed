import { existsSync } from 'node:fs';
import type { EarlyWait } from '@calico-node/workload';
import { felixEndpointId } from '../felix/endpoint-id.ts';
import { waitForStatusFile } from '../felix/status-file.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { AttachmentCall } from './call.ts';

const defaultTimeoutMs = 10_000;
const earlyTimeoutMs = 1000;

/** Whether an ADD fails without Felix. Where another data plane makes interfaces, their policy is that one's to see to. */
export function needsFelix({ config }: Pick<AttachmentCall, 'config'>): boolean {
  return config.policySetupTimeoutSeconds === 0 && config.dataplane === undefined;
}

/**
 * Refuses to begin what could not be ended: without Felix nobody would program the endpoint's policy.
 * With `policy_setup_timeout_seconds` Felix may be Calico's own, which has no socket.
 *
 * @throws CniError code 11
 */
export function requireFelix(call: AttachmentCall): void {
  const { felixSocket } = call.context.paths;
  if (!needsFelix(call) || existsSync(felixSocket)) return;
  throw new CniError(cniCodes.tryAgainLater, 'felix is not running: the workload would have no policy', {
    details: `there is no ${felixSocket}`,
  });
}

/** Asks Felix about an endpoint that is about to be written; for a second, which is many times what it takes. */
export function anticipatePolicy({ context, workload, signal }: AttachmentCall): EarlyWait {
  return context.felix.anticipate({ id: felixEndpointId(workload), timeoutMs: earlyTimeoutMs, signal });
}

/**
 * Waits until Felix has the endpoint of this revision in the kernel: 10 s at most, then fails. With
 * `policy_setup_timeout_seconds` it waits so long, and goes on with a warning (Calico's rule). What was asked early
 * counts when it was answered for this revision.
 *
 * @throws FelixTimeout
 */
export async function awaitPolicy(call: AttachmentCall, minRevision: bigint, early?: EarlyWait): Promise<void> {
  const upAt = await early?.upAt;
  if (upAt !== undefined && upAt >= minRevision) return;
  const { config, context, workload, signal } = call;
  const { felixSocket, endpointStatusDir } = context.paths;
  const lenientMs = config.policySetupTimeoutSeconds * 1000;
  if (lenientMs === 0 && !needsFelix(call)) return;
  const hasSocket = existsSync(felixSocket);
  if (lenientMs === 0 || hasSocket) {
    const timeoutMs = lenientMs === 0 ? defaultTimeoutMs : lenientMs;
    try {
      await context.felix.waitForEndpoint({ id: felixEndpointId(workload), minRevision, timeoutMs, signal });
    } catch (error) {
      if (lenientMs === 0) throw error;
      context.log.warn({ err: error }, 'going on without felix, as policy_setup_timeout_seconds asks');
    }
    return;
  }
  const directory = config.endpointStatusDir === '' ? endpointStatusDir : config.endpointStatusDir;
  if (!(await waitForStatusFile(directory, workload, lenientMs, signal))) {
    context.log.warn({ directory }, 'going on without an endpoint status file, as policy_setup_timeout_seconds asks');
  }
}
