import { TokenRenewal } from '@calico-node/kubernetes';
import { createLogger, sleep } from '@calico-node/service';
import { installCni } from './install-cni.ts';

type Variables = Readonly<Record<string, string | undefined>>;

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
  const tokens = new TokenRenewal({ env, hostRoot }, log);
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
    if (signal.aborted) return 0;
    log.error({ err: error }, 'could not install');
    return 1;
  }
}
