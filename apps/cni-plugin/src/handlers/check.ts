import { inspectInterface } from '@calico-node/workload';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isDelegated } from './addresses.ts';
import type { AttachmentCall } from './call.ts';
import { delegate } from './ipam-delegate.ts';
import { withPodCidrs } from './pod-cidrs.ts';

function refuse(problem: string): never {
  throw new CniError(cniCodes.failed, `the attachment is not as it was left: ${problem}`);
}

/**
 * Checks that an attachment stands as `prevResult` says: its endpoint in the store, both ends of its
 * interface, its addresses.
 *
 * @throws CniError that names the first thing that is missing.
 */
export async function check(call: AttachmentCall): Promise<void> {
  const { config, attachment, endpointName: name, workload, store, pluginPath, variables, signal } = call;
  const previous = config.prevResult;
  if (previous === undefined) {
    throw new CniError(cniCodes.invalidConfig, 'invalid network configuration: prevResult: missing');
  }
  const endpoint = await store.endpoints.find(workload.namespace, name, { signal });
  if (endpoint?.spec.interfaceName === undefined) refuse(`there is no WorkloadEndpoint ${workload.namespace}/${name}`);
  const state = inspectInterface(attachment.netns, endpoint.spec.interfaceName, attachment.ifName);
  if (!state.isHostEndUp) refuse(`${endpoint.spec.interfaceName} is not there or not up on the host`);
  if (state.workload?.isUp !== true) refuse(`${attachment.ifName} is not there or not up in ${attachment.netns}`);
  const ours = previous.interfaces.findIndex(({ name: known }) => known === attachment.ifName);
  const expected = previous.ips.filter((ip) => ip.interface === undefined || ip.interface === ours);
  for (const { ip } of expected) {
    if (!state.workload.addresses.includes(ip)) refuse(`${attachment.ifName} does not have the address ${ip}`);
  }
  const { type } = config.ipam;
  if (isDelegated(type)) {
    const document = await withPodCidrs(call);
    await delegate({ type, command: 'CHECK', pluginPath, variables, document, signal });
  }
}
