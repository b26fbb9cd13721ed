import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { tierName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { boolean, float, oneOf, text } from '../schema/scalars.ts';
import { optional, pointer, type Report } from '../schema/struct.ts';
import { goFloat, type Columns } from './columns.ts';
import type { ObjectMeta } from './object-meta.ts';
import { nonEmpty } from '../non-empty.ts';
import { checkDirections } from './rule-checks.ts';
import { rules, type Rule } from './rule.ts';

/** The label that says which tier a policy is in. */
export const TIER_LABEL = 'projectcalico.org/tier';
export const DEFAULT_TIER = 'default';

const policySelector = text(selectorWithoutGlobal);

/** The fields that policies start with, in Go's order. */
export const policyHead = {
  tier: optional(text(tierName), { default: DEFAULT_TIER }),
  order: pointer(float),
  ingress: optional(rules),
  egress: optional(rules),
  selector: optional(policySelector),
  types: optional(list(oneOf('Ingress', 'Egress'), { maxItems: 2, uniqueBy: (type) => type })),
};

/** What only global policies have. */
export const globalPolicyFields = {
  doNotTrack: optional(boolean),
  preDNAT: optional(boolean),
  applyOnForward: optional(boolean),
};

export const serviceAccountSelector = { serviceAccountSelector: optional(policySelector) };
export const namespaceSelector = { namespaceSelector: optional(policySelector) };
export const performanceHints = {
  performanceHints: optional(list(oneOf('AssumeNeededOnEveryNode'), { uniqueBy: (hint) => hint })),
};

export const stagedAction = {
  stagedAction: optional(oneOf('Set', 'Delete', 'Learn', 'Ignore'), { default: 'Set' }),
};

export const policyColumns: Columns<PolicyLike> = {
  get: ['NAME', 'TIER'],
  wide: ['NAME', 'TIER', 'ORDER', 'SELECTOR'],
  cells: {
    TIER: ({ spec }) => spec.tier ?? '',
    ORDER: ({ spec }) => goFloat(spec.order),
    SELECTOR: ({ spec }) => spec.selector ?? '',
  },
};

interface PolicySpec {
  readonly order?: number | undefined;
  readonly selector?: string | undefined;
  readonly tier?: string | undefined;
  readonly ingress?: readonly Rule[] | undefined;
  readonly egress?: readonly Rule[] | undefined;
  readonly types?: readonly ('Ingress' | 'Egress')[] | undefined;
  readonly doNotTrack?: boolean | undefined;
  readonly preDNAT?: boolean | undefined;
  readonly applyOnForward?: boolean | undefined;
  readonly stagedAction?: string | undefined;
}

interface PolicyLike {
  readonly metadata: ObjectMeta;
  readonly spec: PolicySpec;
}

/** The directions that a policy without `types` has rules for: ingress unless it has egress rules alone. */
export function defaultPolicyTypes({ ingress, egress }: PolicySpec): readonly ('Ingress' | 'Egress')[] {
  if (egress === undefined || egress.length === 0) return ['Ingress'];
  return ingress === undefined || ingress.length === 0 ? ['Egress'] : ['Ingress', 'Egress'];
}

/** What Calico's client fills in: the tier, its label, and the types. */
export function fillPolicyDefaults<R extends PolicyLike>(policy: R): R {
  const tier = nonEmpty(policy.spec.tier) ?? DEFAULT_TIER;
  const spec = { ...policy.spec, tier };
  const isDeletion = policy.spec.stagedAction === 'Delete';
  return {
    ...policy,
    metadata: { ...policy.metadata, labels: { ...policy.metadata.labels, [TIER_LABEL]: tier } },
    spec: isDeletion ? spec : { ...spec, types: spec.types?.length ? spec.types : defaultPolicyTypes(spec) },
  };
}

/** The rules about policies that no single field can check. */
export function checkPolicy({ metadata, spec }: PolicyLike, report: Report): void {
  checkDirections(spec, metadata.namespace !== undefined && metadata.namespace !== '', report);
  const { doNotTrack = false, preDNAT = false, applyOnForward = false, egress = [], types = [] } = spec;
  if (doNotTrack && preDNAT) report(['spec', 'preDNAT'], preDNAT, 'must not be set together with doNotTrack');
  if (preDNAT && egress.length > 0) report(['spec', 'egress'], egress, 'must be empty where preDNAT is set');
  if (preDNAT && types.includes('Egress'))
    report(['spec', 'types'], types, 'must not hold Egress where preDNAT is set');
  if ((doNotTrack || preDNAT) && !applyOnForward) {
    const cause = preDNAT ? 'preDNAT' : 'doNotTrack';
    report(['spec', 'applyOnForward'], applyOnForward, `must be true where ${cause} is set`);
  }
}

/** A staged deletion says nothing but which policy, in which tier. */
export function checkStagedDeletion({ spec }: { readonly spec: object }, report: Report): void {
  if (!('stagedAction' in spec) || spec.stagedAction !== 'Delete') return;
  for (const [field, value] of Object.entries<unknown>(spec)) {
    if (field === 'stagedAction' || field === 'tier' || field === 'podSelector') continue;
    const isEmpty =
      value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) report(['spec', field], value, 'must be left out where stagedAction is Delete');
  }
}
