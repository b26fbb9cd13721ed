import { nodePaths, settleHeap, type ServiceContext } from '@calico-node/service';
import { FelixConnection } from '@calico-node/workload';
import { handleCall } from '../handlers/handle.ts';
import { KubernetesClients } from '../kubernetes/clients.ts';
import { CniError, cniCodes, renderError } from '../spec/cni-error.ts';
import { newestVersion } from '../spec/version.ts';
import { Stores } from '../store/stores.ts';
import { CallLogs } from './call-logs.ts';
import { CallQueue } from './call-queue.ts';
import { registerMetrics } from './cni-metrics.ts';
import { serveCni } from './cni-server.ts';
import type { Answer, Call } from './frame.ts';
import { warmUp } from './warm-up.ts';

/** More calls than a runtime ever has under way; beyond it the answer is "try again later". */
const maxCalls = 512;
/** Less than the client's own limit, so that the runtime hears why. */
const callLimitMs = 80_000;

const busy: Answer = {
  stdout: `${renderError(new CniError(cniCodes.tryAgainLater, `${maxCalls} calls are under way already`), newestVersion)}\n`,
  exitCode: 1,
  errorCode: cniCodes.tryAgainLater,
};

/** Serves the exec'd clients until the signal fires; running calls are then given up. */
export async function runCniServer({ env, log, signal, health, metrics }: ServiceContext): Promise<void> {
  const paths = nodePaths(env);
  const stores = new Stores(env, paths, log);
  const queue = new CallQueue(maxCalls);
  using felix = new FelixConnection(paths.felixSocket);
  const kubernetes = new KubernetesClients(env);
  const context = { env, paths, log, callLogs: new CallLogs(log), stores, felix, kubernetes };
  const serving = health.register('cni-socket');
  const counted = registerMetrics(metrics.registry, () => queue.size);
  const handle = async (call: Call): Promise<Answer> => {
    const startedMs = performance.now();
    const { CNI_COMMAND: command = '', CNI_CONTAINERID: container } = call.variables;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(callLimitMs)]);
    const answer = await (queue.run(container, () => handleCall(call, context, limit)) ?? busy);
    counted.served(command, answer.errorCode ?? 'ok', (performance.now() - startedMs) / 1000);
    return answer;
  };
  const server = await serveCni({ path: paths.cniSocket, log, handle });
  serving.report({ ready: true });
  log.info({ socket: paths.cniSocket }, 'serving CNI calls');
  await warmUp(context, signal);
  settleHeap(signal);
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
