import { nodePaths, type ServiceContext } from '@calico-node/service';
import { FelixConnection } from '@calico-node/workload';
import { handleCall } from '../handlers/handle.ts';
import { KubernetesClients } from '../kubernetes/clients.ts';
import { CniError, cniCodes, renderError } from '../spec/cni-error.ts';
import { newestVersion } from '../spec/version.ts';
import { Stores } from '../store/stores.ts';
import { CallQueue } from './call-queue.ts';
import { serveCni } from './cni-server.ts';
import type { Answer, Call } from './frame.ts';

/** More calls than a runtime ever has under way; beyond it the answer is "try again later". */
const maxCalls = 512;
/** Less than the client's own limit, so that the runtime hears why. */
const callLimitMs = 80_000;

const busy: Answer = {
  stdout: `${renderError(new CniError(cniCodes.tryAgainLater, `${maxCalls} calls are under way already`), newestVersion)}\n`,
  exitCode: 1,
};

/** Serves the exec'd clients until the signal fires; running calls are then given up. */
export async function runCniServer({ env, log, signal, health }: ServiceContext): Promise<void> {
  const paths = nodePaths(env);
  const stores = new Stores(env, paths, log);
  const queue = new CallQueue(maxCalls);
  using felix = new FelixConnection(paths.felixSocket);
  const kubernetes = new KubernetesClients(env);
  const context = { env, paths, log, stores, felix, kubernetes };
  const serving = health.register('cni-socket');
  const handle = (call: Call): Promise<Answer> => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(callLimitMs)]);
    return (
      queue.run(call.variables['CNI_CONTAINERID'], () => handleCall(call, context, limit)) ?? Promise.resolve(busy)
    );
  };
  const server = await serveCni({ path: paths.cniSocket, log, handle });
  serving.report({ ready: true });
  log.info({ socket: paths.cniSocket }, 'serving CNI calls');
  if (!signal.aborted) {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
  }
  await server.close();
  stores.close();
  kubernetes.close();
}
