import type { IpAddress } from '@calico-node/net';
import { inspectInterface } from '@calico-node/workload';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isDelegated } from './addresses.ts';
import type { AttachmentCall } from './call.ts';
import { delegate } from './ipam-delegate.ts';
import { withPodCidrs } from './pod-cidrs.ts';

function refuse(problem: string): never {
  throw new CniError(cniCodes.failed, `the attachment is not as it was left: ${problem}`);
}

/** What the kernel has of an attachment. */
function checkInterface(
  { attachment: { ifName, netns } }: AttachmentCall,
  hostName: string,
  expected: readonly IpAddress[],
): void {
  const state = inspectInterface(netns, hostName, ifName);
  if (!state.isHostEndUp) refuse(`${hostName} is not there or not up on the host`);
  if (state.workload?.isUp !== true) refuse(`${ifName} is not there or not up in ${netns}`);
  for (const ip of expected) {
    if (!state.workload.addresses.includes(ip)) refuse(`${ifName} does not have the address ${ip}`);
  }
}

/**
 * Checks that an attachment stands as `prevResult` says: its endpoint in the store, both ends of its
 * interface, its addresses. An interface of another data plane's may be of no kind that could be looked at.
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
  const ours = previous.interfaces.findIndex(({ name: known }) => known === attachment.ifName);
  const expected = previous.ips.filter((ip) => ip.interface === undefined || ip.interface === ours);
  if (config.dataplane === undefined) {
    const addresses = expected.map(({ ip }) => ip);
    checkInterface(call, endpoint.spec.interfaceName, addresses);
  }
  const { type } = config.ipam;
  if (isDelegated(type)) {
    const document = await withPodCidrs(call);
    await delegate({ type, command: 'CHECK', pluginPath, variables, document, signal });
  }
}
