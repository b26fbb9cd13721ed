import { labelKey, labelValue, resourceName } from '../checks/names.ts';
import { map } from '../schema/containers.ts';
import { text } from '../schema/scalars.ts';
import { noted } from '../schema/schema.ts';
import { always, optional, struct, type Report } from '../schema/struct.ts';
import { joined } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import { checkDirections, DIRECTION_RULES } from './rule-checks.ts';
import { rules, type Rule } from './rule.ts';

interface ProfileLike {
  readonly spec: { readonly ingress?: readonly Rule[] | undefined; readonly egress?: readonly Rule[] | undefined };
}

export const profile = defineKind({
  kind: 'Profile',
  name: resourceName,
  docs: {
    summary: 'Rules for endpoints that no policy applies to, and labels that they get.',
    example: {
      metadata: { name: 'kns.prod' },
      spec: {
        ingress: [{ action: 'Allow' }],
        egress: [{ action: 'Allow' }],
        labelsToApply: { 'pcns.projectcalico.org/name': 'prod' },
      },
    },
    storeRules: ['`projectcalico-default-allow` allows everything, always exists and cannot be changed'],
  },
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
        ingress: optional(rules, 'Rules for traffic to the endpoint, where no policy applies.'),
        egress: optional(rules, 'Rules for traffic from the endpoint.'),
        labelsToApply: optional(
          map(text(labelValue), { key: labelKey }),
          'Labels that endpoints with the profile get.',
        ),
      }),
    ),
  },
  checks: [
    noted(DIRECTION_RULES, ({ spec }: ProfileLike, report: Report) => {
      checkDirections(spec, true, report);
    }),
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
