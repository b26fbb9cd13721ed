import type { Description, Wishes } from '../endpoint/description.ts';
import { describePod } from '../kubernetes/pod.ts';
import { AnnotationError } from '../kubernetes/wishes.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isDelegated } from './addresses.ts';
import { isOfPod, mayBeMachine, type AttachmentCall, type PodCall } from './call.ts';

/** Whose addresses a pod shall have, if it runs a virtual machine. */
export async function machineWish(call: AttachmentCall, podObject?: unknown): Promise<Pick<Wishes, 'machine'>> {
  if (!isOfPod(call) || !mayBeMachine(call)) return {};
  const { machineOf } = await import('./machine.ts');
  const machine = await machineOf(call, podObject);
  return machine === undefined ? {} : { machine };
}

async function withMachine(call: AttachmentCall, description: Description, podObject?: unknown): Promise<Description> {
  const { ipam } = call.config;
  if (isDelegated(ipam.type) || description.wishes.addressesWithoutIpam !== undefined) return description;
  return { ...description, wishes: { ...description.wishes, ...(await machineWish(call, podObject)) } };
}

async function askKubernetes(call: PodCall): Promise<Description> {
  const { config, context, signal, workload } = call;
  const { namespace, pod } = workload;
  const client = context.kubernetes.open(config.kubernetes);
  const found = await context.kubernetes.namespaces.read(client, namespace, pod, signal);
  const complain = (problem: string): void => {
    context.log.warn({ namespace, pod, problem }, 'an annotation is not heeded as it stands');
  };
  const isOwnIpam = !isDelegated(config.ipam.type);
  try {
    const options = { namespace, complain, isOwnIpam, features: config.features };
    return await withMachine(call, describePod(found.namespace, found.pod, options), found.pod);
  } catch (error) {
    if (!(error instanceof AnnotationError)) throw error;
    throw new CniError(cniCodes.invalidConfig, `pod ${namespace}/${pod}: ${error.message}`, { cause: error.cause });
  }
}

/**
 * What a workload is, by whoever knows: the Kubernetes API for pods where the configuration says so (`policy.type`),
 * otherwise the configuration itself.
 *
 * @throws KubernetesError; CniError code 7 for annotations that cannot be done; RangeError for a pod whose virtual machine
 *   is not there
 */
export async function describeWorkload(call: AttachmentCall): Promise<Description> {
  const { config } = call;
  if (isOfPod(call) && config.asksKubernetes) return askKubernetes(call);
  if (!isOfPod(call) && config.features.ipAddrsNoIpam) {
    throw new CniError(cniCodes.invalidConfig, 'feature_control.ip_addrs_no_ipam: only pods have such annotations');
  }
  return withMachine(call, { source: 'configuration', labels: config.labels, profiles: [config.name], wishes: {} });
}
