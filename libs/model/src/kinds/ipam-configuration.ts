import { onlyDefault } from '../checks/names.ts';
import { boolean, int32, oneOf } from '../schema/scalars.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const MAX_BLOCKS = 1_000_000;
const MAX_COOLDOWN_SECONDS = 1_200;

/** The resource form of IPAM's configuration; in etcd, IPAM itself reads the value under `ipamConfigKey`. */
export const ipamConfiguration = defineKind({
  kind: 'IPAMConfiguration',
  plural: 'ipamconfigurations',
  shortNames: ['ipamconfig', 'ipamconfigs'],
  name: onlyDefault,
  columns: {
    get: ['NAME', 'STRICTAFFINITY', 'AUTOALLOCATEBLOCKS'],
    wide: ['NAME', 'STRICTAFFINITY', 'AUTOALLOCATEBLOCKS', 'MAXBLOCKSPERHOST'],
    cells: {
      STRICTAFFINITY: ({ spec }) => String(spec.strictAffinity),
      AUTOALLOCATEBLOCKS: ({ spec }) => String(spec.autoAllocateBlocks),
      MAXBLOCKSPERHOST: ({ spec }) => String(spec.maxBlocksPerHost ?? 0),
    },
  },
  body: {
    spec: always(
      struct('IPAMConfigurationSpec', {
        strictAffinity: always(boolean, { default: false }),
        maxBlocksPerHost: optional(int32(0, MAX_BLOCKS)),
        autoAllocateBlocks: always(boolean, { default: true }),
        kubeVirtVMAddressPersistence: pointer(oneOf('Enabled', 'Disabled')),
        ipCooldownSeconds: optional(int32(0, MAX_COOLDOWN_SECONDS)),
      }),
    ),
  },
});

export type IPAMConfiguration = ResourceOfDefinition<typeof ipamConfiguration>;
