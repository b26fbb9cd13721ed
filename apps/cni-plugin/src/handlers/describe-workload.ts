import type { Description } from '../endpoint/description.ts';
import { describePod } from '../kubernetes/pod.ts';
import { AnnotationError } from '../kubernetes/wishes.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isDelegated } from './addresses.ts';
import type { AttachmentCall } from './call.ts';

async function askKubernetes(call: AttachmentCall, namespace: string, pod: string): Promise<Description> {
  const { config, context, signal } = call;
  const client = context.kubernetes.open(config.kubernetes);
  const namespacePath = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
  const [namespaceObject, podObject] = await Promise.all([
    client.get(namespacePath, signal),
    client.get(`${namespacePath}/pods/${encodeURIComponent(pod)}`, signal),
  ]);
  const complain = (problem: string): void => {
    context.log.warn({ namespace, pod, problem }, 'an annotation is not heeded as it stands');
  };
  const isOwnIpam = !isDelegated(config.ipam.type);
  try {
    return describePod(namespaceObject, podObject, { namespace, complain, isOwnIpam, features: config.features });
  } catch (error) {
    if (!(error instanceof AnnotationError)) throw error;
    throw new CniError(cniCodes.invalidConfig, `pod ${namespace}/${pod}: ${error.message}`, { cause: error.cause });
  }
}

/**
 * What a workload is, by whoever knows: the Kubernetes API for pods where the configuration says so (`policy.type`),
 * otherwise the configuration itself.
 *
 * @throws KubernetesError; CniError code 7 for annotations that cannot be done.
 */
export function describeWorkload(call: AttachmentCall): Promise<Description> {
  const { config, workload } = call;
  if (workload.orchestrator === 'k8s' && config.asksKubernetes) {
    return askKubernetes(call, workload.namespace, workload.pod);
  }
  if (workload.orchestrator !== 'k8s' && config.features.ipAddrsNoIpam) {
    throw new CniError(cniCodes.invalidConfig, 'feature_control.ip_addrs_no_ipam: only pods have such annotations');
  }
  return Promise.resolve({ source: 'configuration', labels: config.labels, profiles: [config.name], wishes: {} });
}
