import { tryParseCidr, type Cidr } from '@calico-node/net';
import { listOfNullable, list, map } from '../schema/containers.ts';
import { boolean, int, oneOf, string, time, uint64 } from '../schema/scalars.ts';
import type { Infer, Schema } from '../schema/schema.ts';
import { always, nullable, optional, pointer, struct } from '../schema/struct.ts';

/*
 * IPAM's values in etcd, which have their own keys and no resource around them.
 * Field names are those stored.
 */

/** A network in canonical text, whatever spelling is stored. */
const cidr: Schema<Cidr> = {
  typeName: 'CIDR',
  parse(input, place, context) {
    const value = typeof input === 'string' ? tryParseCidr(input) : undefined;
    return value ?? context.fail(place, input, 'must be a network such as "10.0.1.0/26"');
  },
  encode: (value) => `"${value}"`,
  isEmpty: () => false,
  isZero: () => false,
  // Only a block without a network would have it, and parsing refuses that.
  zero: () => '' as Cidr,
};

const allocationAttribute = struct('AllocationAttribute', {
  handle_id: pointer(string),
  secondary: optional(map(string)),
  alternateOwnerAttrs: optional(map(string)),
  releasedAt: pointer(time),
});

/** Who holds the addresses that point to it. */
export type AllocationAttribute = Infer<typeof allocationAttribute>;

/**
 * One allocation block. `allocations` has an entry per address: null, or the index of its attribute.
 * `unallocated` holds the free ordinals, the next to be given first. `attributes` is null until one was added.
 */
export const allocationBlock = struct('AllocationBlock', {
  cidr: always(cidr, { mandatory: true }),
  /** `host:<node>`, `virtual:load-balancer`, or null. */
  affinity: nullable(string),
  affinity_claim_time: pointer(time),
  allocations: always(listOfNullable(int(0))),
  unallocated: always(list(int(0))),
  attributes: nullable(list(allocationAttribute)),
  sequenceNumber: always(uint64),
  /** By ordinal, in decimal. */
  sequenceNumberForAllocation: always(map(uint64)),
  deleted: always(boolean),
  /** Very old records have it in place of `affinity`. */
  hostAffinity: pointer(string),
});

export type AllocationBlock = Infer<typeof allocationBlock>;

export const blockAffinity = struct('BlockAffinity', {
  /** Empty in very old records, which are confirmed. */
  state: always(oneOf('pending', 'confirmed', 'pendingDeletion', '')),
  deleted: always(boolean),
});

export type BlockAffinity = Infer<typeof blockAffinity>;

/** How many addresses a handle has in each block. */
export const ipamHandle = struct('IPAMHandle', { block: always(map(int())), deleted: always(boolean) });

export type IpamHandle = Infer<typeof ipamHandle>;

const storedIpamConfig = {
  strict_affinity: optional(boolean),
  auto_allocate_blocks: optional(boolean),
  maxBlocksPerHost: optional(int(0)),
  kubeVirtVMAddressPersistence: pointer(oneOf('Enabled', 'Disabled')),
  ipCooldownSeconds: optional(int(0)),
};

export const ipamConfig = struct('IPAMConfig', storedIpamConfig);

export type IpamConfig = Infer<typeof ipamConfig>;
