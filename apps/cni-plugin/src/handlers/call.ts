import type { NodeName } from '@calico-node/net';
import { interfacePrefix } from '@calico-node/workload';
import { readNodeName } from '../node/node-facts.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { Attachment } from '../spec/environment.ts';
import type { NetworkConfig } from '../spec/network-config.ts';
import type { Store } from '../store/stores.ts';
import { endpointName } from '../endpoint/build-endpoint.ts';
import { workloadOf, type Workload } from '../endpoint/workload.ts';
import type { HandlerContext } from './context.ts';

/** One command about one attachment, with everything that identifies it. */
export interface AttachmentCall {
  readonly config: NetworkConfig;
  readonly attachment: Attachment;
  readonly pluginPath: readonly string[];
  /** The CNI_* environment as it came, for delegated plug-ins. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly node: NodeName;
  readonly workload: Workload;
  /** The name under which the workload's endpoint is stored. */
  readonly endpointName: string;
  readonly store: Store;
  /** What the names of our interfaces on the host start with. */
  readonly prefixes: readonly string[];
  readonly context: HandlerContext;
  readonly signal: AbortSignal;
}

/** A call about a pod. */
export type PodCall = AttachmentCall & { readonly workload: Extract<Workload, { orchestrator: 'k8s' }> };

export function isOfPod(call: AttachmentCall): call is PodCall {
  return call.workload.orchestrator === 'k8s';
}

/**
 * Whether a pod may run one of KubeVirt's virtual machines, by its name: the Kubernetes API is asked about no other. Where
 * the configuration says nothing of that API nobody is asked.
 */
export function mayBeMachine({ workload, config }: Pick<PodCall, 'workload' | 'config'>): boolean {
  const { asksKubernetes, kubernetes } = config;
  const knowsKubernetes = asksKubernetes || kubernetes.kubeconfig !== '' || kubernetes.apiRoot !== '';
  return knowsKubernetes && workload.pod.startsWith('virt-launcher-');
}

export type CallInput = Pick<
  AttachmentCall,
  'config' | 'attachment' | 'pluginPath' | 'variables' | 'context' | 'signal'
>;

function nameOf(node: NodeName, workload: Workload): string {
  try {
    return endpointName(node, workload);
  } catch (error) {
    throw new CniError(cniCodes.invalidEnvironment, 'this workload cannot be named in the store', { cause: error });
  }
}

/** @throws CniError when the node or its store is not known, or the workload cannot be named. */
export function identifyCall(input: CallInput): AttachmentCall {
  const { config, attachment, context } = input;
  const node = readNodeName(config, context.paths);
  const workload = workloadOf(attachment);
  return {
    ...input,
    node,
    workload,
    endpointName: nameOf(node, workload),
    store: context.stores.open(config.datastoreEnvironment),
    prefixes: [...new Set([interfacePrefix(context.env), 'cali'])],
  };
}
