/*
 * The arithmetic of one allocation block: who holds which ordinal, what is free, in which order. Pure:
 * each function takes a block and gives another; the caller writes it by compare-and-swap, which also
 * raises the sequence number (Calico's documented IPAM behaviour and store layout).
 */
import { isDeepStrictEqual } from 'node:util';
import type { AllocationAttribute, AllocationBlock } from '@calico-node/model';
import { addToIp, cidrSize, ipToBigInt, splitCidr, type Cidr, type IpAddress } from '@calico-node/net';
import { IpamError } from './errors.ts';
import type { IsReserved } from './reservations.ts';

/** What an allocation is noted with. */
export interface Owner {
  readonly handleId?: string | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
}

/** The handle of addresses that Windows nodes keep back in each of their blocks. */
const windowsReservedHandle = 'windows-reserved-ipam-handle';

/** The affinity of a node's blocks: `host:<node>`. */
export function hostAffinity(nodeName: string): string {
  return `host:${nodeName}`;
}

/** A block just claimed: everything free, in address order. */
export function newBlock(cidr: Cidr, affinity: string, claimTime: string, sequenceNumber: bigint): AllocationBlock {
  const size = Number(cidrSize(cidr));
  return {
    cidr,
    affinity,
    affinity_claim_time: claimTime,
    allocations: Array.from({ length: size }, () => null),
    unallocated: Array.from({ length: size }, (_, ordinal) => ordinal),
    attributes: null,
    sequenceNumber,
    sequenceNumberForAllocation: {},
    deleted: false,
  };
}

/** The address at an ordinal. */
export function addressAt(block: AllocationBlock, ordinal: number): IpAddress {
  return addToIp(splitCidr(block.cidr).ip, ordinal);
}

/** The ordinal of an address; the address must lie in the block. */
export function ordinalOf(block: AllocationBlock, ip: IpAddress): number {
  return Number(ipToBigInt(ip) - ipToBigInt(splitCidr(block.cidr).ip));
}

/** The attributes of an allocated ordinal; nothing when it is free. */
export function attributesAt(block: AllocationBlock, ordinal: number): AllocationAttribute | undefined {
  const index = block.allocations[ordinal];
  return typeof index === 'number' ? (block.attributes?.[index] ?? {}) : undefined;
}

/** A handle without the carriage return, and what follows it, that old writers left behind it. */
export function cleanHandle(id: string): string {
  return id.split('\r', 1)[0] ?? '';
}

/** Whether an attribute is a given handle's. */
export function isOfHandle({ handle_id: id }: AllocationAttribute, handleId: string): boolean {
  return typeof id === 'string' && cleanHandle(id) === cleanHandle(handleId);
}

/** Whether an attribute marks what Windows nodes keep back for themselves. */
export function isWindowsReserved(attribute: AllocationAttribute): boolean {
  return attribute.handle_id?.toLowerCase() === windowsReservedHandle;
}

/** Whether nothing is allocated, apart from what Windows keeps back. */
export function isEmptyBlock(block: AllocationBlock): boolean {
  return block.allocations.every((index) => {
    const attribute = index === null ? undefined : block.attributes?.[index];
    return index === null || (attribute !== undefined && isWindowsReserved(attribute));
  });
}

/** How many addresses could be given, reserved ones left out. */
export function countFree(block: AllocationBlock, isReserved: IsReserved): number {
  if (isReserved === undefined) return block.unallocated.length;
  return block.unallocated.filter((ordinal) => !isReserved(addressAt(block, ordinal))).length;
}

/** Whether a block may serve a host: with strict affinity only the host that it belongs to. */
export function checkAffinity(block: AllocationBlock, affinity: string): void {
  if (block.affinity === affinity) return;
  throw new IpamError(
    'strict-affinity',
    block.affinity === null
      ? `block ${block.cidr} belongs to no host, and strict affinity is on`
      : `block ${block.cidr} belongs to ${block.affinity}, and strict affinity is on`,
  );
}

/** The attribute entry of an owner, with the same fields left out that Calico leaves out. */
function attributeOf(owner: Owner): AllocationAttribute {
  const secondary =
    owner.attributes === undefined || Object.keys(owner.attributes).length === 0 ? undefined : owner.attributes;
  return {
    ...(owner.handleId === undefined ? {} : { handle_id: owner.handleId }),
    ...(secondary === undefined ? {} : { secondary }),
  };
}

/** The block with some free ordinals given to an owner. */
function allocate(block: AllocationBlock, ordinals: readonly number[], owner: Owner): AllocationBlock {
  if (ordinals.length === 0) return block;
  const attribute = attributeOf(owner);
  const attributes = [...(block.attributes ?? [])];
  let index = attributes.findIndex(
    (known) =>
      (known.handle_id ?? undefined) === attribute.handle_id && isDeepStrictEqual(definedFields(known), attribute),
  );
  if (index < 0) index = attributes.push(attribute) - 1;
  const taken = new Set(ordinals);
  const sequences: Record<string, bigint> = { ...block.sequenceNumberForAllocation };
  for (const ordinal of ordinals) sequences[String(ordinal)] = block.sequenceNumber;
  return {
    ...block,
    attributes,
    allocations: block.allocations.map((old, ordinal) => (taken.has(ordinal) ? index : old)),
    unallocated: block.unallocated.filter((ordinal) => !taken.has(ordinal)),
    sequenceNumberForAllocation: sequences,
  };
}

/** An attribute without fields that say nothing: old writers put null where Calico now puts none. */
function definedFields(attribute: AllocationAttribute): object {
  return Object.fromEntries(Object.entries(attribute).filter(([, value]) => (value ?? undefined) !== undefined));
}

/** Takes up to `count` free addresses, longest-free first, reserved ones left where they are. */
export function autoAssignFrom(
  block: AllocationBlock,
  count: number,
  owner: Owner,
  isReserved: IsReserved,
): { readonly block: AllocationBlock; readonly ips: readonly IpAddress[] } {
  const ordinals: number[] = [];
  for (const ordinal of block.unallocated) {
    if (ordinals.length >= count) break;
    if (isReserved?.(addressAt(block, ordinal)) !== true) ordinals.push(ordinal);
  }
  return { block: allocate(block, ordinals, owner), ips: ordinals.map((ordinal) => addressAt(block, ordinal)) };
}

/** Takes one given address. @throws IpamError `already-assigned` */
export function assignInBlock(block: AllocationBlock, ip: IpAddress, owner: Owner): AllocationBlock {
  const ordinal = ordinalOf(block, ip);
  const holder = attributesAt(block, ordinal);
  if (holder !== undefined) {
    throw new IpamError(
      'already-assigned',
      `${ip} is already assigned to ${holder.handle_id ?? 'an owner without handle'}`,
    );
  }
  return allocate(block, [ordinal], owner);
}

/** How released addresses come back. */
export interface Cooldown {
  /** How long a released address rests before it may be given again; 0 for not at all. */
  readonly seconds: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** One address to give back, with what must still hold for it. */
export interface Release {
  readonly ip: IpAddress;
  /** The handle that must hold it. */
  readonly handleId?: string | undefined;
  /** The block's sequence number when the address was given. */
  readonly sequenceNumber?: bigint | undefined;
}

export interface Released {
  readonly block: AllocationBlock;
  readonly released: readonly IpAddress[];
  /** Addresses that nobody held; not an error. */
  readonly unallocated: readonly IpAddress[];
  /** How many addresses each handle gave back. */
  readonly countByHandle: ReadonlyMap<string, number>;
}

/**
 * Gives addresses of the block back: all or none.
 * @throws IpamError `bad-sequence-number`, `bad-handle`
 */
export function releaseFrom(block: AllocationBlock, requests: readonly Release[], cooldown: Cooldown): Released {
  const ordinals = new Set<number>();
  const unallocated: IpAddress[] = [];
  const countByHandle = new Map<string, number>();
  for (const { ip, handleId, sequenceNumber } of requests) {
    const ordinal = ordinalOf(block, ip);
    const attribute = attributesAt(block, ordinal);
    if (attribute === undefined || attribute.releasedAt !== undefined) {
      unallocated.push(ip);
      continue;
    }
    const given = block.sequenceNumberForAllocation[String(ordinal)];
    if (sequenceNumber !== undefined && given !== sequenceNumber) {
      throw new IpamError('bad-sequence-number', `${ip} was given to another owner meanwhile`);
    }
    if (handleId !== undefined && !isOfHandle(attribute, handleId)) {
      throw new IpamError('bad-handle', `${ip} belongs to handle ${String(attribute.handle_id)}, not ${handleId}`);
    }
    if (ordinals.has(ordinal)) continue;
    ordinals.add(ordinal);
    const handle = cleanHandle(attribute.handle_id ?? '');
    if (handle !== '') countByHandle.set(handle, (countByHandle.get(handle) ?? 0) + 1);
  }
  const released = [...ordinals].map((ordinal) => addressAt(block, ordinal));
  return { block: free(block, ordinals, cooldown), released, unallocated, countByHandle };
}

/** The addresses of a handle in the block. */
export function addressesOfHandle(block: AllocationBlock, handleId: string): readonly IpAddress[] {
  return block.allocations.flatMap((_, ordinal) => {
    const attribute = attributesAt(block, ordinal);
    return attribute !== undefined && isOfHandle(attribute, handleId) ? [addressAt(block, ordinal)] : [];
  });
}

/** Marks ordinals as released now, then frees whatever has rested long enough. */
function free(block: AllocationBlock, ordinals: ReadonlySet<number>, cooldown: Cooldown): AllocationBlock {
  if (ordinals.size === 0) return block;
  const attributes = [...(block.attributes ?? [])];
  const index = attributes.push({ releasedAt: formatTime(cooldown.now) }) - 1;
  const marked = {
    ...block,
    attributes,
    allocations: block.allocations.map((old, ordinal) => (ordinals.has(ordinal) ? index : old)),
  };
  return collectReleased(marked, cooldown);
}

/**
 * Frees the allocations that were released longer ago than the cooldown: their ordinals go to the end
 * of the free list, in ascending order, and attributes that nobody uses are dropped.
 */
export function collectReleased(block: AllocationBlock, cooldown: Cooldown): AllocationBlock {
  const attributes = block.attributes ?? [];
  const isDue = attributes.map(({ releasedAt }) => {
    if (releasedAt === undefined) return false;
    const since = Date.parse(releasedAt);
    return cooldown.seconds <= 0 || !(since + cooldown.seconds * 1000 > cooldown.now);
  });
  if (!isDue.includes(true)) return block;
  const due = block.allocations.flatMap((index, ordinal) => (index !== null && isDue[index] === true ? [ordinal] : []));
  const freed = new Set(due);
  const allocations = block.allocations.map((index, ordinal) => (freed.has(ordinal) ? null : index));
  const used = new Set(allocations.filter((index) => index !== null));
  const kept = attributes.flatMap((_, index) => (used.has(index) ? [index] : []));
  const renumbered = new Map(kept.map((old, index) => [old, index]));
  const sequences = Object.entries(block.sequenceNumberForAllocation);
  return {
    ...block,
    allocations: allocations.map((index) => (index === null ? null : (renumbered.get(index) ?? null))),
    unallocated: [...block.unallocated, ...due],
    attributes: kept.map((index) => attributes[index] ?? {}),
    sequenceNumberForAllocation: Object.fromEntries(sequences.filter(([ordinal]) => !freed.has(Number(ordinal)))),
  };
}

function formatTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}
