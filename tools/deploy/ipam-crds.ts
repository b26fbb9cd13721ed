import { type CrdSchema, withMetadata } from './crd-schema.ts';

const string: CrdSchema = { type: 'string' };
const boolean: CrdSchema = { type: 'boolean' };
const integer: CrdSchema = { type: 'integer', format: 'int64' };
const strings: CrdSchema = { type: 'object', additionalProperties: string };

/** A kind of address management, whose form in Kubernetes is not that of the resources. */
export interface IpamKind {
  readonly kind: string;
  readonly plural: string;
  readonly schema: CrdSchema;
}

function kindOf(kind: string, plural: string, spec: Readonly<Record<string, CrdSchema>>): IpamKind {
  return { kind, plural, schema: withMetadata({ spec: { type: 'object', properties: spec } }) };
}

/** Calico's blocks, handles and affinities as custom resources of crd.projectcalico.org/v1. */
export const ipamKinds: readonly IpamKind[] = [
  kindOf('BlockAffinity', 'blockaffinities', {
    state: string,
    node: string,
    type: string,
    cidr: string,
    // A text in this group: "true" or "false".
    deleted: string,
  }),
  kindOf('IPAMBlock', 'ipamblocks', {
    cidr: string,
    affinity: string,
    affinityClaimTime: { ...string, format: 'date-time', nullable: true },
    strictAffinity: boolean,
    allocations: { type: 'array', items: { type: 'integer', nullable: true } },
    unallocated: { type: 'array', items: { type: 'integer' } },
    attributes: {
      type: 'array',
      items: {
        type: 'object',
        properties: { handle_id: string, secondary: strings, releasedAt: { ...string, nullable: true } },
      },
    },
    sequenceNumber: integer,
    sequenceNumberForAllocation: { type: 'object', additionalProperties: integer },
    deleted: boolean,
  }),
  kindOf('IPAMConfig', 'ipamconfigs', {
    autoAllocateBlocks: boolean,
    strictAffinity: boolean,
    maxBlocksPerHost: { type: 'integer' },
    kubeVirtVMAddressPersistence: string,
  }),
  kindOf('IPAMHandle', 'ipamhandles', {
    handleID: string,
    block: { type: 'object', additionalProperties: { type: 'integer' } },
    deleted: boolean,
  }),
];
