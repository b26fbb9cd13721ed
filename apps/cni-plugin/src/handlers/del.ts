import { detachInterface } from '@calico-node/workload';
import { needsInterface, releaseAddresses } from './addresses.ts';
import type { AttachmentCall } from './call.ts';

/**
 * Takes an attachment away: the endpoint first, so that Felix closes the way, then the interface, and the
 * addresses last, so that nobody gets one that is still in use. What is gone already is well; so a DEL may be
 * repeated, come without an ADD, or finish what another left. A lease is given back over the interface, and so before
 * that goes.
 *
 * A pod that was created anew under the same name has another container: its endpoint and interface stay.
 */
export async function detach(call: AttachmentCall): Promise<void> {
  const { attachment, endpointName, workload, store, prefixes, signal } = call;
  const isOurs = ({ spec }: { spec: { readonly containerID?: string | undefined } }): boolean =>
    (spec.containerID ?? '') === '' || spec.containerID === attachment.containerId;
  const stored = await store.endpoints.remove(workload.namespace, endpointName, isOurs, { signal });
  if (needsInterface(call)) await releaseAddresses(call);
  if (stored === undefined || isOurs(stored)) {
    await detachInterface({
      netns: attachment.netns,
      hostName: stored?.spec.interfaceName,
      workloadName: attachment.ifName,
      prefixes,
    });
  }
  if (!needsInterface(call)) await releaseAddresses(call);
}
