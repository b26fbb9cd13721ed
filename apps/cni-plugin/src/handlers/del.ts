import type { WorkloadEndpoint } from '@calico-node/model';
import { detachInterface, type DetachSpec } from '@calico-node/workload';
import type { GrpcDataplane } from '../spec/dataplane.ts';
import { notReady } from './not-ready.ts';
import { needsInterface, releaseAddresses } from './addresses.ts';
import type { AttachmentCall } from './call.ts';

type Owned = Pick<WorkloadEndpoint, 'spec'>;

function isOurs({ attachment }: AttachmentCall, { spec }: Owned): boolean {
  return (spec.containerID ?? '') === '' || spec.containerID === attachment.containerId;
}

/** Takes the interface away by the workload's end, by the host's, or by either. */
function detachEnds(
  { attachment, prefixes }: AttachmentCall,
  ends: Pick<DetachSpec, 'netns' | 'hostName'>,
): Promise<void> {
  return detachInterface({ ...ends, workloadName: attachment.ifName, prefixes });
}

/**
 * Why an attachment is taken away. What was just made is undone in any case; a DEL waits while the cluster is not ready, as
 * when its store is locked for a migration.
 */
type Reason = 'asked' | 'undone';

/** @throws CniError code 11 */
async function removeEndpoint(call: AttachmentCall, reason: Reason): Promise<Owned | undefined> {
  const { endpointName, workload, store, signal } = call;
  const isOwn = (stored: Owned): boolean => isOurs(call, stored);
  if (reason === 'undone') return store.endpoints.remove(workload.namespace, endpointName, isOwn, { signal });
  const { isReady, stored } = await store.endpoints.removeIfReady(workload.namespace, endpointName, isOwn, { signal });
  if (isReady) return stored;
  throw notReady();
}

/** Has another data plane take the interface away. */
async function detachElsewhere(call: AttachmentCall, dataplane: GrpcDataplane, reason: Reason): Promise<void> {
  const { removeByDataplane } = await import('./grpc-dataplane.ts');
  await removeEndpoint(call, reason);
  await removeByDataplane(call, dataplane);
  await releaseAddresses(call);
}

/**
 * Takes an attachment away: the endpoint first, so that Felix closes the way, then the interface, and the
 * addresses last, so that nobody gets one that is still in use. What is gone already is well; so a DEL may be
 * repeated, come without an ADD, or finish what another left. A lease is given back over the interface, and so before
 * that goes.
 *
 * A pod that was created anew under the same name has another container: its endpoint and interface stay. What was
 * attached here for this very container goes from its namespace while the endpoint goes: without an interface there is
 * no way to close.
 */
export async function detach(call: AttachmentCall, reason: Reason = 'asked'): Promise<void> {
  const { attachment, endpointName, workload, store, config } = call;
  if (config.dataplane !== undefined) return detachElsewhere(call, config.dataplane, reason);
  const { netns } = attachment;
  const known = store.endpoints.created(workload.namespace, endpointName);
  const isKnown = known?.spec.containerID === attachment.containerId && !needsInterface(call);
  const [removal, detachment] = await Promise.allSettled([
    removeEndpoint(call, reason),
    // By the host's end's name it could be that of the pod's next container.
    isKnown ? detachEnds(call, { netns, hostName: undefined }) : undefined,
  ]);
  if (removal.status === 'rejected') throw removal.reason;
  if (detachment.status === 'rejected') throw detachment.reason;
  const stored = removal.value;
  if (needsInterface(call)) await releaseAddresses(call);
  if (stored === undefined || isOurs(call, stored)) {
    await detachEnds(call, { netns: isKnown ? undefined : netns, hostName: stored?.spec.interfaceName });
  }
  if (!needsInterface(call)) await releaseAddresses(call);
}
