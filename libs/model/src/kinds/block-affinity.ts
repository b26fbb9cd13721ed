import { net } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { goJsonString } from '../go/go-json.ts';
import { oneOf, string, text } from '../schema/scalars.ts';
import { noted, type Schema } from '../schema/schema.ts';
import { always, alwaysPrinted, optional, struct, type Report } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

/** A boolean that is stored as the text "true" or "false"; reads real booleans too. */
const booleanText: Schema<boolean> = {
  typeName: 'boolean',
  parse(input, place, context) {
    if (typeof input === 'boolean') return input;
    if (input === 'true' || input === 'false') return input === 'true';
    return input === '' ? false : context.fail(place, input, 'must be true or false');
  },
  encode: (value) => goJsonString(String(value)),
  isEmpty: (value) => !value,
  isZero: (value) => !value,
  zero: () => false,
};

/**
 * The resource form of a block affinity. In etcd, IPAM itself uses the values under `affinityKey`; these
 * records exist beside them and are normally none.
 */
export const blockAffinityResource = defineKind({
  kind: 'BlockAffinity',
  name: resourceName,
  docs: {
    summary: 'Who holds a block of addresses. In etcd, IPAM keeps its own records; these are normally none.',
    example: {
      metadata: { name: 'node-1-10-0-0-0-26' },
      spec: { state: 'confirmed', node: 'node-1', cidr: '10.0.0.0/26', type: 'host' },
    },
  },
  body: {
    spec: always(
      struct(
        'BlockAffinitySpec',
        {
          state: always(oneOf('confirmed', 'pending', 'pendingDeletion'), 'How far the claim has got.'),
          node: always(string, { mandatory: true, description: 'Who holds the block.' }),
          type: optional(oneOf('host', 'virtual'), 'Whether the holder is a node.'),
          cidr: always(text(net), { mandatory: true, description: 'The block.' }),
          deleted: alwaysPrinted(booleanText, 'Whether it is on its way out; stored as text.'),
        },
        noted('deleted not true', ({ deleted }: { deleted?: boolean | undefined }, report: Report) => {
          if (deleted === true) report(['deleted'], deleted, 'must not be true');
        }),
      ),
    ),
  },
});

export type BlockAffinityResource = ResourceOfDefinition<typeof blockAffinityResource>;
