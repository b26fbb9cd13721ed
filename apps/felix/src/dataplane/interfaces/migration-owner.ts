import type { Backend } from '@calico-node/datastore';
import { handOverTo, Ipam, isIpamError, isMachineHandle, type OwningPod } from '@calico-node/ipam';
import type { IpAddress } from '@calico-node/net';

/**
 * Makes the pod that a virtual machine has moved to the active owner of its addresses in IPAM, after which the other
 * hosts' routes lead here (as Calico's Felix does). Addresses that are no machine's, or not the pod's to take, stay as
 * they are; so it may be done again.
 *
 * @throws DatastoreError
 */
export async function takeOwnership(
  backend: Backend,
  pod: OwningPod,
  addresses: readonly IpAddress[],
  signal: AbortSignal,
): Promise<void> {
  const ipam = new Ipam(backend);
  const handles = new Set<string>();
  for (const ip of addresses) {
    const handle = await handleOf(ipam, ip, signal);
    if (handle !== undefined && isMachineHandle(handle)) handles.add(handle);
  }
  for (const handle of handles) await ipam.changeOwners(handle, handOverTo(pod), signal);
}

async function handleOf(ipam: Ipam, ip: IpAddress, signal: AbortSignal): Promise<string | undefined> {
  try {
    return (await ipam.attributesOf(ip, signal)).handle_id ?? undefined;
  } catch (error) {
    if (isIpamError(error, 'not-assigned')) return undefined;
    throw error;
  }
}
