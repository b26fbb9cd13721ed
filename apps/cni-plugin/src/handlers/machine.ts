/*
 * Pods of KubeVirt's virtual machines: their addresses are the machine's, as Calico has it. They stay while the machine is
 * stopped, and the pod that it moves to has them together with the one where it runs.
 */
import { isOwner, machineHandle, type Owners } from '@calico-node/ipam';
import type { Address } from '@calico-node/workload';
import type { Machine } from '../endpoint/description.ts';
import { felixEndpointId } from '../felix/endpoint-id.ts';
import { isMachineGone, machineNameOf, orAbsent, readMachine } from '../kubernetes/machine.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import type { PodCall } from './call.ts';

type Attributes = Readonly<Record<string, string>>;

/** Of the instance's, the machine's, and a move's objects. */
const attributeNames = { instance: 'vmi-uid', machine: 'vm-uid', migration: 'vmim-uid' } as const;

function podPath({ namespace, pod }: PodCall['workload']): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(pod)}`;
}

/**
 * The machine whose addresses a pod shall have; undefined for other pods, and where machines keep none.
 *
 * @param podObject as the API has it, if it was read
 * @throws KubernetesError; CniError for a pod that a machine is moved to where machines keep no addresses
 */
export async function machineOf(call: PodCall, podObject?: unknown): Promise<Machine | undefined> {
  const { workload, config, context, store, signal } = call;
  const client = context.kubernetes.open(config.kubernetes);
  const pod = podObject ?? (await client.get(podPath(workload), signal));
  const [machine, areKept] = await Promise.all([
    readMachine(client, workload.namespace, pod, signal),
    store.machines.areKept(signal),
  ]);
  if (machine === undefined || areKept) return machine;
  if (machine.migrationUid === '') return undefined;
  throw new CniError(
    cniCodes.failed,
    'a live migration needs kubeVirtVMAddressPersistence, which is Disabled in the cluster’s IPAM configuration',
  );
}

function migrationsOf(...attributes: readonly (Attributes | undefined)[]): readonly string[] {
  return attributes.flatMap((known) => known?.[attributeNames.migration] ?? []);
}

function attributesOf(own: Attributes, { name, instanceUid, machineUid, migrationUid }: Machine): Attributes {
  return {
    ...own,
    'vmi-name': name,
    [attributeNames.instance]: instanceUid,
    ...(machineUid === '' ? {} : { [attributeNames.machine]: machineUid }),
    ...(migrationUid === '' ? {} : { [attributeNames.migration]: migrationUid }),
  };
}

/** What gives addresses to a handle, noted with attributes: what it holds, and what is missing. */
export type Assign = (
  handleId: string,
  attributes: Attributes,
  held: readonly Address[],
) => Promise<readonly Address[]>;

/**
 * The machine's addresses, now also this pod's. What the machine lacks it gets.
 *
 * @throws CniError when a machine that moves here has no address
 */
export async function assignToMachine(
  call: PodCall,
  machine: Machine,
  own: Attributes,
  assign: Assign,
): Promise<readonly Address[]> {
  const { config, workload, store, signal } = call;
  const { namespace } = workload;
  const handleId = machineHandle(config.name, namespace, machine.name);
  const attributes = attributesOf(own, machine);
  if (machine.migrationUid === '') {
    const take = ({ alternate }: Owners): Owners => ({ active: attributes, alternate });
    return assign(handleId, attributes, await store.machines.changeOwners(handleId, take, signal));
  }
  const ended = new Set<string>();
  const held = await store.machines.changeOwners(
    handleId,
    ({ active, alternate }) => {
      if (isOwner(active, workload)) return { active, alternate };
      for (const uid of migrationsOf(active, alternate)) ended.add(uid);
      return { active, alternate: attributes };
    },
    signal,
  );
  if (held.length === 0) {
    throw new CniError(
      cniCodes.failed,
      `the virtual machine ${namespace}/${machine.name} that moves here has no address`,
    );
  }
  for (const uid of ended) if (uid !== machine.migrationUid) await store.machines.endMigration(namespace, uid, signal);
  const moving = held.find(({ alternate }) => isOwner(alternate, workload));
  if (moving !== undefined) {
    const target = { node: call.node, ...felixEndpointId(workload) };
    const from = moving.active?.['pod'];
    const source = from === undefined ? undefined : `${namespace}/${from}`;
    await store.machines.beginMigration(namespace, machine.migrationUid, { source, target }, signal);
  }
  return held;
}

/**
 * Takes the pod off its machine's addresses; the pod that the machine has moved to is the one that has them then. They are
 * given back when the machine is gone and no pod has them.
 *
 * @throws KubernetesError
 */
export async function leaveMachine(
  call: Pick<PodCall, 'workload' | 'config' | 'context' | 'store' | 'signal'>,
): Promise<void> {
  const { workload, config, context, store, signal } = call;
  const { namespace, pod } = workload;
  const client = context.kubernetes.open(config.kubernetes);
  const [podObject, areKept] = await Promise.all([
    orAbsent(client.get(podPath(workload), signal)),
    store.machines.areKept(signal),
  ]);
  const name = machineNameOf(podObject, pod);
  if (name === undefined || !areKept) return;
  const handleId = machineHandle(config.name, namespace, name);
  const ended = new Set<string>();
  const left = await store.machines.changeOwners(
    handleId,
    ({ active, alternate }) => {
      const isActive = isOwner(active, workload);
      if (!isActive && alternate !== undefined && !isOwner(alternate, workload)) return { active, alternate };
      // Whichever of the two is left, nothing moves any more; an earlier DEL may not have come to say so.
      for (const uid of migrationsOf(active, alternate)) ended.add(uid);
      return { active: isActive ? alternate : active, alternate: undefined };
    },
    signal,
  );
  for (const uid of ended) await store.machines.endMigration(namespace, uid, signal);
  if (left.length === 0 || left.some(({ active, alternate }) => active !== undefined || alternate !== undefined))
    return;
  if (await isMachineGone(client, namespace, name, signal)) await store.addresses.release(handleId, signal);
}
