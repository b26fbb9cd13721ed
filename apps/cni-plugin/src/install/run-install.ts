import { createLogger, sleep, type Logger } from '@calico-node/service';
import { installCni } from './install-cni.ts';
import { accountStamp, installKubeconfig, type Credentials } from './service-account.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** How often TLS files, and what Kubernetes gave this pod, are looked at for a change. */
const lookMs = 10_000;

/** The service account's token as it is renewed. */
class Tokens {
  readonly #env: Variables;
  readonly #hostRoot: string;
  readonly #log: Logger;
  #current: Credentials | undefined;
  #stamp = '';
  #renewAtMs = 0;

  constructor(env: Variables, hostRoot: string, log: Logger) {
    this.#env = env;
    this.#hostRoot = hostRoot;
    this.#log = log;
  }

  get current(): string | undefined {
    return this.#current?.token;
  }

  /** Renews when it is time. What is installed stays good for a while when that fails: it is tried again soon. */
  async renew(signal: AbortSignal): Promise<void> {
    const stamp = accountStamp();
    if (Date.now() < this.#renewAtMs && stamp === this.#stamp) return;
    try {
      const renewed = await installKubeconfig({ env: this.#env, hostRoot: this.#hostRoot }, signal);
      this.#renewAtMs = renewed === undefined ? Infinity : Date.now() + renewed.renewInMs;
      this.#stamp = stamp;
      this.#current = renewed;
      if (renewed !== undefined) this.#log.info('installed a kubeconfig with a new token');
    } catch (error) {
      if (this.#current === undefined) throw error;
      this.#log.warn({ err: error }, 'could not renew the token; trying again');
    }
  }

  /** How long until there may be something to do. */
  get dueInMs(): number {
    return Math.max(0, Math.min(lookMs, this.#renewAtMs - Date.now()));
  }
}

/**
 * Installs what runtimes on the host need; stays until the signal fires, unless SLEEP is false, as a sidecar must. Gives
 * the exit code.
 */
export async function runInstall(
  env: Variables,
  hostRoot: string,
  sourceDir: string,
  signal: AbortSignal,
): Promise<number> {
  const log = createLogger('install-cni', env['CALICO_LOG_LEVEL'] ?? 'info');
  const tokens = new Tokens(env, hostRoot, log);
  try {
    for (;;) {
      await tokens.renew(signal);
      const changed = installCni({ env, hostRoot, sourceDir, token: tokens.current });
      if (changed.length > 0) log.info({ changed }, 'installed');
      if (env['SLEEP'] === 'false') return 0;
      await sleep(Math.max(1000, tokens.dueInMs), signal);
      if (signal.aborted) return 0;
    }
  } catch (error) {
    log.error({ err: error }, 'could not install');
    return 1;
  }
}
