import { onlyDefault } from '../checks/names.ts';
import { boolean, int32, oneOf } from '../schema/scalars.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const MAX_BLOCKS = 1_000_000;
const MAX_COOLDOWN_SECONDS = 1_200;

/** The resource form of IPAM's configuration; in etcd, IPAM itself reads the value under `ipamConfigKey`. */
export const ipamConfiguration = defineKind({
  kind: 'IPAMConfiguration',
  name: onlyDefault,
  docs: {
    summary:
      'How addresses are assigned, in the form of the API; there is one, `default`. In etcd, IPAM goes by `calicoctl ipam configure`.',
    example: { metadata: { name: 'default' }, spec: { strictAffinity: true, maxBlocksPerHost: 4 } },
  },
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
        strictAffinity: always(boolean, { default: false, description: 'Whether a node may use its own blocks only.' }),
        maxBlocksPerHost: optional(int32(0, MAX_BLOCKS), 'How many blocks a node may hold; 0 for any number.'),
        autoAllocateBlocks: always(boolean, { default: true, description: 'Whether nodes take blocks by themselves.' }),
        kubeVirtVMAddressPersistence: pointer(
          oneOf('Enabled', 'Disabled'),
          'Whether a virtual machine keeps its address over restarts.',
        ),
        ipCooldownSeconds: optional(
          int32(0, MAX_COOLDOWN_SECONDS),
          'Seconds before an address that was given back is used again.',
        ),
      }),
    ),
  },
});

export type IPAMConfiguration = ResourceOfDefinition<typeof ipamConfiguration>;
