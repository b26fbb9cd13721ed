import { onlyDefault } from '../checks/names.ts';
import { boolean, string } from '../schema/scalars.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';
import { orNil } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

export const clusterInformation = defineKind({
  kind: 'ClusterInformation',
  name: onlyDefault,
  docs: {
    summary: "The cluster's identity and whether its store may be used. Programs keep it; there is one, `default`.",
    example: {
      metadata: { name: 'default' },
      spec: {
        clusterGUID: '0123456789abcdef0123456789abcdef',
        clusterType: 'k8s,bgp',
        calicoVersion: 'v3.32.1',
        datastoreReady: true,
      },
    },
  },
  columns: {
    get: ['NAME', 'CLUSTERGUID', 'CLUSTERTYPE', 'CALICOVERSION', 'DATASTOREREADY'],
    cells: {
      CLUSTERGUID: ({ spec }) => spec.clusterGUID ?? '',
      CLUSTERTYPE: ({ spec }) => spec.clusterType ?? '',
      CALICOVERSION: ({ spec }) => spec.calicoVersion ?? '',
      DATASTOREREADY: ({ spec }) => orNil(spec.datastoreReady),
    },
  },
  body: {
    spec: always(
      struct('ClusterInformationSpec', {
        clusterGUID: optional(string, "The cluster's identity."),
        clusterType: optional(string, 'What it is made of, as a comma-separated list.'),
        calicoVersion: optional(string, 'The release that its nodes run.'),
        datastoreReady: pointer(
          boolean,
          'Whether programs may act on the store; false while it is locked for migration.',
        ),
        variant: optional(string, 'The product.'),
      }),
    ),
  },
});

export type ClusterInformation = ResourceOfDefinition<typeof clusterInformation>;
