import type { Logger } from '@calico-node/service';
import { accountStamp, installKubeconfig, type Credentials, type ServiceAccountOptions } from './service-account.ts';

/** How often what Kubernetes gave this pod is looked at for a change. */
const lookMs = 10_000;
/** After what did not succeed. */
const retryMs = 5_000;

/** The token of the CNI service account in the kubeconfig of the host's plug-ins, as it is renewed. */
export class TokenRenewal {
  readonly #options: ServiceAccountOptions;
  readonly #log: Logger;
  #current: Credentials | undefined;
  #stamp = '';
  #renewAtMs = 0;

  constructor(options: ServiceAccountOptions, log: Logger) {
    this.#options = options;
    this.#log = log;
  }

  get current(): string | undefined {
    return this.#current?.token;
  }

  /**
   * Renews when it is time, or when Kubernetes has given this pod other credentials. What is installed stays good for a
   * while when that fails: it is tried again soon.
   *
   * @throws KubernetesError while there is none.
   */
  async renew(signal: AbortSignal): Promise<void> {
    const stamp = accountStamp(this.#options.accountDir);
    if (Date.now() < this.#renewAtMs && stamp === this.#stamp) return;
    try {
      const renewed = await installKubeconfig(this.#options, signal);
      this.#renewAtMs = renewed === undefined ? Infinity : Date.now() + renewed.renewInMs;
      this.#stamp = stamp;
      this.#current = renewed;
      if (renewed !== undefined) this.#log.info('installed a kubeconfig with a new token');
    } catch (error) {
      this.#renewAtMs = Date.now() + retryMs;
      if (this.#current === undefined) throw error;
      this.#log.warn({ err: error }, 'could not renew the token; trying again');
    }
  }

  /** How long until there may be something to do. */
  get dueInMs(): number {
    return Math.max(0, Math.min(lookMs, this.#renewAtMs - Date.now()));
  }
}
