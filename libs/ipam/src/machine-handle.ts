import { limitedId } from '@calico-node/model';

const infix = '.vmi.';
/** Calico's limit of such a handle. */
const maxLength = 128;

/**
 * The handle of a virtual machine's addresses, which are its own however often its pod is made anew: KubeVirt gives the
 * machine and each instance of it one name (Calico's documented identifiers).
 */
export function machineHandle(network: string, namespace: string, machine: string): string {
  return limitedId(network + infix, `${namespace}.${machine}`, maxLength);
}

/** Whether a handle is a virtual machine's. */
export function isMachineHandle(handle: string): boolean {
  return handle.includes(infix);
}
