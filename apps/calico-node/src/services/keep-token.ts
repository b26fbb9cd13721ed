import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TokenRenewal } from '@calico-node/kubernetes';
import { sleep, type Logger } from '@calico-node/service';

type Variables = Readonly<Record<string, string | undefined>>;

export interface TokenOptions {
  readonly env: Variables;
  /** Where this container sees the host's directories: `/host`. */
  readonly hostRoot: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Where Kubernetes puts a pod's credentials, when it is elsewhere than always. */
  readonly accountDir?: string;
}

const leastMs = 1_000;

/**
 * Keeps the token of the CNI service account fresh in the host's kubeconfig, until the signal fires. Ends at once
 * outside of Kubernetes, and where the host's directory is not mounted.
 */
export async function keepToken({ env, hostRoot, log, signal, accountDir }: TokenOptions): Promise<void> {
  if ((env['KUBECONFIG'] ?? '') === '' && (env['KUBERNETES_SERVICE_HOST'] ?? '') === '') return;
  const directory = join(hostRoot, 'etc/cni/net.d');
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
  } catch (error) {
    log.warn(
      { err: error },
      `${directory} is not the host's, or not writable: the CNI token is not renewed; mount it, or set CALICO_MANAGE_CNI=false`,
    );
    return;
  }
  const renewal = new TokenRenewal({ env, hostRoot, ...(accountDir === undefined ? {} : { accountDir }) }, log);
  const isStopped = (): boolean => signal.aborted;
  while (!isStopped()) {
    try {
      await renewal.renew(signal);
    } catch (error) {
      if (isStopped()) return;
      log.warn({ err: error }, 'no token for the CNI plug-ins yet; trying again');
    }
    await sleep(Math.max(leastMs, renewal.dueInMs), signal);
  }
}
