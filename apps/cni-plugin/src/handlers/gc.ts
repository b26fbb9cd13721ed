import type { WorkloadEndpoint } from '@calico-node/model';
import { splitCidr, tryParseCidr } from '@calico-node/net';
import { detachInterface, interfacePrefix } from '@calico-node/workload';
import { ipamHandle, type Workload } from '../endpoint/workload.ts';
import { readNodeName } from '../node/node-facts.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isDelegated } from './addresses.ts';
import { mayBeMachine, type CallInput } from './call.ts';
import { delegate } from './ipam-delegate.ts';

function workloadOfEndpoint({ metadata, spec }: WorkloadEndpoint): Workload | undefined {
  const { containerID: containerId, endpoint, pod } = spec;
  if (containerId === undefined || endpoint === undefined) return undefined;
  if (spec.orchestrator === 'cni') return { orchestrator: 'cni', namespace: 'default', containerId, endpoint };
  if (spec.orchestrator !== 'k8s' || pod === undefined) return undefined;
  return { orchestrator: 'k8s', namespace: metadata.namespace ?? 'default', pod, containerId, endpoint };
}

/**
 * Takes away what this node holds on the network for attachments that the runtime no longer has: endpoints,
 * interfaces and addresses. All of it is tried; the first error is thrown at the end.
 *
 * @throws CniError code 7 when the configuration does not say which attachments are valid.
 */
export async function collectGarbage(call: Omit<CallInput, 'attachment'>): Promise<void> {
  const { config, context, signal, pluginPath, variables } = call;
  const { validAttachments } = config;
  if (validAttachments === undefined) {
    throw new CniError(cniCodes.invalidConfig, 'invalid network configuration: cni.dev/valid-attachments: missing');
  }
  const node = readNodeName(config, context.paths);
  const store = context.stores.open(config.datastoreEnvironment);
  const { endpoints, addresses } = store;
  const valid = new Set(validAttachments.map((id) => ipamHandle(config.name, id.containerId, id.ifName)));
  const [ofNode, { handles, machineAddresses }] = await Promise.all([
    endpoints.ofNode(node, { signal }),
    endpoints.heldOf(node, config.name, { signal }),
  ]);
  const isOfMachine = ({ spec }: WorkloadEndpoint): boolean =>
    (spec.ipNetworks ?? []).some((text) => {
      const cidr = tryParseCidr(text);
      return cidr !== undefined && machineAddresses.has(splitCidr(cidr).ip);
    });
  const failures: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failures.push(error);
    }
  };
  for (const endpoint of ofNode) {
    const workload = workloadOfEndpoint(endpoint);
    if (workload === undefined) continue;
    const handle = ipamHandle(config.name, workload.containerId, workload.endpoint);
    const isOfNetwork =
      handles.has(handle) || endpoint.spec.profiles?.includes(config.name) === true || isOfMachine(endpoint);
    if (!isOfNetwork || valid.has(handle)) continue;
    const { name, namespace = 'default' } = endpoint.metadata;
    context.log.info({ endpoint: name }, 'collecting an endpoint that the runtime no longer has');
    const isSame = (found: WorkloadEndpoint): boolean => found.spec.containerID === workload.containerId;
    await attempt(async () => {
      await endpoints.remove(namespace, name, isSame, { signal });
      await detachInterface({
        netns: undefined,
        hostName: endpoint.spec.interfaceName,
        workloadName: workload.endpoint,
        prefixes: [interfacePrefix(context.env), 'cali'],
      });
      if (workload.orchestrator !== 'k8s' || !isOfMachine(endpoint)) return;
      const left = { workload, config, context, store, signal };
      if (mayBeMachine(left)) await (await import('./machine.ts')).leaveMachine(left);
    });
  }
  for (const handle of handles) {
    if (!valid.has(handle)) await attempt(() => addresses.release(handle, signal));
  }
  const { type } = config.ipam;
  if (isDelegated(type)) {
    await attempt(() => delegate({ type, command: 'GC', pluginPath, variables, document: config.document, signal }));
  }
  if (failures.length > 0) throw failures[0];
}
