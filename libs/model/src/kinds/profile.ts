import { labelKey, labelValue, resourceName } from '../checks/names.ts';
import { map } from '../schema/containers.ts';
import { text } from '../schema/scalars.ts';
import { always, optional, struct } from '../schema/struct.ts';
import { joined } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import { checkDirections } from './rule-checks.ts';
import { rules } from './rule.ts';

export const profile = defineKind({
  kind: 'Profile',
  plural: 'profiles',
  shortNames: ['pro', 'pros'],
  name: resourceName,
  columns: {
    get: ['NAME'],
    wide: ['NAME', 'LABELS'],
    cells: {
      LABELS: ({ spec }) => joined(Object.entries(spec.labelsToApply ?? {}).map(([key, value]) => `${key}=${value}`)),
    },
  },
  body: {
    spec: always(
      struct('ProfileSpec', {
        ingress: optional(rules),
        egress: optional(rules),
        labelsToApply: optional(map(text(labelValue), { key: labelKey })),
      }),
    ),
  },
  checks: [
    ({ spec }, report) => {
      checkDirections(spec, true, report);
    },
  ],
});

export type Profile = ResourceOfDefinition<typeof profile>;

/** The profile that allows everything; it exists in every cluster and is never stored. */
export const DEFAULT_ALLOW_PROFILE: Profile = {
  kind: 'Profile',
  apiVersion: 'projectcalico.org/v3',
  metadata: { name: 'projectcalico-default-allow', resourceVersion: '1' },
  spec: { ingress: [{ action: 'Allow' }], egress: [{ action: 'Allow' }] },
};
