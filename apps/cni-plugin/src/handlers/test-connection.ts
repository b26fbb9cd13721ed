import { CniError, cniCodes } from '../spec/cni-error.ts';
import { decodeDocument, parseNetworkConfig } from '../spec/network-config.ts';
import type { HandlerContext } from './context.ts';

const timeoutMs = 10_000;

/** What `calico -t` sets: Calico's test, by which an installer waits until the network can be used. */
export const testVariable = 'CNI_TEST_CONNECTION';

/**
 * @throws CniError code 100 unless the store that the configuration names answers and is ready, and the Kubernetes API
 *   answers whose kubeconfig it names
 */
export async function testConnection(stdin: string, context: HandlerContext, signal: AbortSignal): Promise<void> {
  try {
    const config = parseNetworkConfig(decodeDocument(stdin));
    const { endpoints } = context.stores.open(config.datastoreEnvironment);
    if (await endpoints.isReady({ signal, timeoutMs })) {
      const { kubeconfig } = config.kubernetes;
      if (kubeconfig !== '') await context.kubernetes.open(config.kubernetes).get('/version', signal);
      return;
    }
  } catch (cause) {
    throw new CniError(cniCodes.failed, 'data store connection failed', { cause });
  }
  const details = 'ClusterInformation default is missing, or its datastoreReady is not true';
  throw new CniError(cniCodes.failed, 'data store connection failed', { details });
}
