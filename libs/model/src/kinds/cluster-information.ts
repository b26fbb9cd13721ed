import { onlyDefault } from '../checks/names.ts';
import { boolean, string } from '../schema/scalars.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';
import { orNil } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

export const clusterInformation = defineKind({
  kind: 'ClusterInformation',
  plural: 'clusterinformations',
  shortNames: ['clusterinfo', 'clusterinfos'],
  name: onlyDefault,
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
        clusterGUID: optional(string),
        clusterType: optional(string),
        calicoVersion: optional(string),
        datastoreReady: pointer(boolean),
        variant: optional(string),
      }),
    ),
  },
});

export type ClusterInformation = ResourceOfDefinition<typeof clusterInformation>;
