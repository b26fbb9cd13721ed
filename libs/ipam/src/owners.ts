import { isDeepStrictEqual } from 'node:util';
import type { AllocationAttribute, AllocationBlock, IpamConfig } from '@calico-node/model';
import { parseCidr, splitCidr } from '@calico-node/net';
import type { Assigned } from './auto-assign.ts';
import { addressesOfHandle, attributesAt, isOfHandle, ordinalOf } from './block.ts';
import { retrying } from './retry.ts';
import type { IpamStore } from './store.ts';

type Attributes = Readonly<Record<string, string>>;

/** Who uses an address that outlives its users: while a virtual machine moves, two do. */
export interface Owners {
  readonly active: Attributes | undefined;
  /** Who will be the active one. */
  readonly alternate: Attributes | undefined;
}

/** What becomes of an address's owners. Pure: it is asked again when somebody else was faster. */
export type OwnerChange = (owners: Owners) => Owners;

export interface Owned extends Assigned, Owners {}

/** A pod that may own addresses. */
export interface OwningPod {
  readonly namespace: string;
  readonly pod: string;
}

/** Whether a pod is noted as an owner. */
export function isOwner(attributes: Attributes | undefined, { namespace, pod }: OwningPod): boolean {
  return attributes?.['pod'] === pod && attributes['namespace'] === namespace;
}

/**
 * Makes the pod that a machine has moved to the active owner, and the one that it came from the alternate one, until that
 * leaves (what Calico's Felix does). Changes nothing where the pod is no alternate owner.
 */
export function handOverTo(pod: OwningPod): OwnerChange {
  return ({ active, alternate }) =>
    isOwner(alternate, pod) ? { active: alternate, alternate: active } : { active, alternate };
}

function some(attributes: Attributes | undefined): Attributes | undefined {
  return attributes === undefined || Object.keys(attributes).length === 0 ? undefined : attributes;
}

function ownersOf({ secondary, alternateOwnerAttrs }: AllocationAttribute): Owners {
  return { active: some(secondary), alternate: some(alternateOwnerAttrs) };
}

function withOwners(attribute: AllocationAttribute, { active, alternate }: Owners): AllocationAttribute {
  const { secondary: _, alternateOwnerAttrs: __, ...others } = attribute;
  return {
    ...others,
    ...(some(active) === undefined ? {} : { secondary: { ...active } }),
    ...(some(alternate) === undefined ? {} : { alternateOwnerAttrs: { ...alternate } }),
  };
}

/** The block with a handle's owners changed; the same block where they are so already. */
function changeOwnersIn(block: AllocationBlock, handleId: string, change: OwnerChange): AllocationBlock {
  const known = block.attributes ?? [];
  const attributes = known.map((attribute) => {
    if (attribute.releasedAt !== undefined || !isOfHandle(attribute, handleId)) return attribute;
    const [before, after] = [ownersOf(attribute), change(ownersOf(attribute))];
    if (isDeepStrictEqual(before, { active: some(after.active), alternate: some(after.alternate) })) return attribute;
    return withOwners(attribute, after);
  });
  return attributes.some((attribute, index) => attribute !== known[index]) ? { ...block, attributes } : block;
}

/** Changes who uses a handle's addresses; gives them all, as they are then. */
export async function changeOwners(
  store: IpamStore,
  config: IpamConfig,
  handleId: string,
  change: OwnerChange,
): Promise<readonly Owned[]> {
  const handle = await store.handle(handleId);
  const owned: Owned[] = [];
  for (const text of Object.keys(handle?.value.block ?? {})) {
    const cidr = parseCidr(text);
    const block = await retrying(`change the owners of ${handleId} in block ${cidr}`, async () => {
      const stored = await store.block(cidr, config);
      if (stored === undefined) return undefined;
      const changed = changeOwnersIn(stored.value, handleId, change);
      if (changed !== stored.value) await store.updateBlock(changed, stored.revision);
      return changed;
    });
    if (block === undefined) continue;
    const { prefixLength } = splitCidr(cidr);
    for (const ip of addressesOfHandle(block, handleId)) {
      owned.push({ ip, prefixLength, ...ownersOf(attributesAt(block, ordinalOf(block, ip)) ?? {}) });
    }
  }
  return owned;
}
