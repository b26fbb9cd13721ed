import {
  isKubernetesError,
  objectIn,
  objectsIn,
  textIn,
  type KubernetesClient,
  type KubernetesObject,
} from '@calico-node/kubernetes';
import type { Machine } from '../endpoint/description.ts';

const group = 'kubevirt.io/v1';
/** What KubeVirt's pods are called: this, the machine's name, and five characters of Kubernetes' own. */
const podName = /^virt-launcher-(.+)-[a-z0-9]{5}$/;
/** On pods that a machine is being moved to. */
const migrationLabel = 'kubevirt.io/migrationJobUID';

interface Reference {
  readonly name: string;
  readonly uid: string;
}

function metadataOf(object: unknown): KubernetesObject {
  return objectIn(objectIn(object)['metadata']);
}

function ownerOf(object: unknown, kind: string): (Reference & { readonly isController: boolean }) | undefined {
  const found = objectsIn(metadataOf(object)['ownerReferences']).find(
    (reference) => reference['apiVersion'] === group && reference['kind'] === kind,
  );
  if (found === undefined) return undefined;
  return { name: textIn(found['name']), uid: textIn(found['uid']), isController: found['controller'] === true };
}

/** The instance of a virtual machine that a pod runs; none, for a pod that only has such a name. */
function instanceOf(pod: unknown): Reference | undefined {
  const owner = ownerOf(pod, 'VirtualMachineInstance');
  return owner?.isController === true ? owner : undefined;
}

/** The name of the machine that a pod runs, or ran: once the pod is gone its own name tells. */
export function machineNameOf(podObject: unknown, pod: string): string | undefined {
  return podObject === undefined ? podName.exec(pod)?.[1] : instanceOf(podObject)?.name;
}

/** @throws KubernetesError */
export async function orAbsent(asking: Promise<unknown>): Promise<unknown> {
  try {
    return await asking;
  } catch (error) {
    if (isKubernetesError(error, 'not-found')) return undefined;
    throw error;
  }
}

/** A machine and its instance, which have one name; undefined where there is none. */
function readBoth(
  client: KubernetesClient,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<[instance: unknown, machine: unknown]> {
  const path = `/apis/${group}/namespaces/${encodeURIComponent(namespace)}`;
  return Promise.all([
    orAbsent(client.get(`${path}/virtualmachineinstances/${encodeURIComponent(name)}`, signal)),
    orAbsent(client.get(`${path}/virtualmachines/${encodeURIComponent(name)}`, signal)),
  ]);
}

/**
 * The virtual machine that a pod runs (Calico's rule: by the instance that owns the pod). Undefined for other pods.
 *
 * @throws KubernetesError; RangeError when the instance is not the one that the pod was made for
 */
export async function readMachine(
  client: KubernetesClient,
  namespace: string,
  podObject: unknown,
  signal: AbortSignal,
): Promise<Machine | undefined> {
  const owner = instanceOf(podObject);
  if (owner === undefined) return undefined;
  const [instance, machine] = await readBoth(client, namespace, owner.name, signal);
  if (textIn(metadataOf(instance)['uid']) !== owner.uid) {
    throw new RangeError(`there is no VirtualMachineInstance ${namespace}/${owner.name} with the UID ${owner.uid}`);
  }
  const isOwned = ownerOf(instance, 'VirtualMachine') !== undefined;
  return {
    name: owner.name,
    instanceUid: owner.uid,
    machineUid: isOwned ? textIn(metadataOf(machine)['uid']) : '',
    migrationUid: textIn(objectIn(metadataOf(podObject)['labels'])[migrationLabel]),
  };
}

/** Whether a virtual machine, or an instance that has none, is deleted or being deleted: not just stopped. */
export async function isMachineGone(
  client: KubernetesClient,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const [instance, machine] = await readBoth(client, namespace, name, signal);
  const isOwned = ownerOf(instance, 'VirtualMachine') !== undefined;
  const keeper = machine === undefined && !isOwned ? instance : machine;
  return keeper === undefined || textIn(metadataOf(keeper)['deletionTimestamp']) !== '';
}
