import { net } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { text } from '../schema/scalars.ts';
import { always, optional, struct } from '../schema/struct.ts';
import { joinedShort } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

export const ipReservation = defineKind({
  kind: 'IPReservation',
  name: resourceName,
  docs: {
    summary: 'Addresses that are never assigned automatically.',
    example: { metadata: { name: 'routers' }, spec: { reservedCIDRs: ['10.0.0.1', '10.0.1.0/28'] } },
  },
  columns: { get: ['NAME'], wide: ['NAME', 'CIDRS'], cells: { CIDRS: ({ spec }) => joinedShort(spec.reservedCIDRs) } },
  body: {
    spec: always(
      struct('IPReservationSpec', {
        reservedCIDRs: optional(list(text(net)), 'Addresses that are never assigned automatically.'),
      }),
    ),
  },
});

export type IPReservation = ResourceOfDefinition<typeof ipReservation>;
