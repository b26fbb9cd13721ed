import { tierName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { float, oneOf } from '../schema/scalars.ts';
import { noted } from '../schema/schema.ts';
import { always, optional, pointer, struct, type Report } from '../schema/struct.ts';
import { condition } from './condition.ts';
import type { ObjectMeta } from './object-meta.ts';
import { goFloat } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

/** Where a tier without an order stands. */
export const DEFAULT_TIER_ORDER = 1_000_000;

interface ReservedTier {
  readonly order: number;
  readonly defaultAction: 'Deny' | 'Pass';
}

/** The tiers that every cluster has, as they must be. */
export const RESERVED_TIERS: Readonly<Record<string, ReservedTier>> = {
  default: { order: DEFAULT_TIER_ORDER, defaultAction: 'Deny' },
  'kube-admin': { order: 1_000, defaultAction: 'Pass' },
  'kube-baseline': { order: 10_000_000, defaultAction: 'Pass' },
};

export const tier = defineKind({
  kind: 'Tier',
  name: tierName,
  docs: {
    summary: 'A group of policies that is decided before the tiers after it.',
    example: { metadata: { name: 'security' }, spec: { order: 100, defaultAction: 'Pass' } },
    storeRules: [
      '`default`, `kube-admin` and `kube-baseline` cannot be deleted',
      'a tier with policies in it cannot be deleted',
    ],
  },
  columns: { get: ['NAME', 'ORDER'], cells: { ORDER: ({ spec }) => goFloat(spec.order) } },
  body: {
    spec: always(
      struct('TierSpec', {
        order: pointer(float, { unset: '1000000', description: 'Where among the tiers: smaller first.' }),
        defaultAction: pointer(oneOf('Deny', 'Pass'), {
          default: 'Deny',
          description: 'What happens to traffic that policies of the tier apply to and no rule matches.',
        }),
      }),
    ),
    status: optional(
      struct('TierStatus', { conditions: optional(list(condition), 'Whether the tier may go, and why not.') }),
    ),
  },
  checks: [
    noted(
      Object.entries(RESERVED_TIERS)
        .map(([name, { order, defaultAction }]) => `in "${name}", order ${order} and defaultAction ${defaultAction}`)
        .join('; '),
      checkReserved,
    ),
  ],
  onWrite: fillOrder,
  onRead: fillOrder,
});

export type Tier = ResourceOfDefinition<typeof tier>;

interface TierLike {
  readonly metadata: ObjectMeta;
  readonly spec: { readonly order?: number | undefined; readonly defaultAction?: string | undefined };
}

function fillOrder<R extends TierLike>(resource: R): R {
  return { ...resource, spec: { ...resource.spec, order: resource.spec.order ?? DEFAULT_TIER_ORDER } };
}

function checkReserved({ metadata, spec }: TierLike, report: Report): void {
  const reserved = Object.hasOwn(RESERVED_TIERS, metadata.name) ? RESERVED_TIERS[metadata.name] : undefined;
  if (reserved === undefined) return;
  if (spec.order !== reserved.order)
    report(['spec', 'order'], spec.order, `must be ${reserved.order} in the tier "${metadata.name}"`);
  if (spec.defaultAction !== reserved.defaultAction) {
    report(
      ['spec', 'defaultAction'],
      spec.defaultAction,
      `must be ${reserved.defaultAction} in the tier "${metadata.name}"`,
    );
  }
}
