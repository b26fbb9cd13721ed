import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { tierName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { boolean, float, oneOf, text } from '../schema/scalars.ts';
import { noted } from '../schema/schema.ts';
import { optional, pointer, type Report } from '../schema/struct.ts';
import { goFloat, type Columns } from './columns.ts';
import type { ObjectMeta } from './object-meta.ts';
import { nonEmpty } from '../non-empty.ts';
import { checkDirections, DIRECTION_RULES } from './rule-checks.ts';
import { rules, type Rule } from './rule.ts';

/** The label that says which tier a policy is in. */
export const TIER_LABEL = 'projectcalico.org/tier';
export const DEFAULT_TIER = 'default';

const policySelector = text(selectorWithoutGlobal);

/** The fields that policies start with, in Go's order. */
export const policyHead = {
  tier: optional(text(tierName), { default: DEFAULT_TIER, description: 'The tier that the policy is in.' }),
  order: pointer(float, 'Where in its tier: smaller first, without one last, equals by name.'),
  ingress: optional(rules, 'Rules for traffic to the endpoints; the first that matches decides.'),
  egress: optional(rules, 'Rules for traffic from the endpoints.'),
  selector: optional(policySelector, 'The endpoints that the policy applies to; empty for all.'),
  types: optional(list(oneOf('Ingress', 'Egress'), { maxItems: 2, uniqueBy: (type) => type }), {
    unset: 'Ingress; Egress where there are egress rules only; both where there are both',
    description: 'The directions that the policy applies to.',
  }),
};

/** What only global policies have. */
export const globalPolicyFields = {
  doNotTrack: optional(boolean, 'Applied before connection tracking, to untracked traffic of host endpoints.'),
  preDNAT: optional(boolean, 'Applied before destination NAT.'),
  applyOnForward: optional(boolean, 'Whether it also applies to traffic that a host endpoint forwards.'),
};

export const serviceAccountSelector = {
  serviceAccountSelector: optional(policySelector, 'Narrows the selection to endpoints of these service accounts.'),
};
export const namespaceSelector = {
  namespaceSelector: optional(policySelector, 'Narrows the selection to endpoints in these namespaces.'),
};
export const performanceHints = {
  performanceHints: optional(
    list(oneOf('AssumeNeededOnEveryNode'), { uniqueBy: (hint) => hint }),
    'What the data plane may assume.',
  ),
};

export const stagedAction = {
  stagedAction: optional(oneOf('Set', 'Delete', 'Learn', 'Ignore'), {
    default: 'Set',
    description: 'What enforcing the policy would do.',
  }),
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

/** The rules about policies' rules that depend on the policy around them. */
export const policyRules = noted(DIRECTION_RULES, ({ metadata, spec }: PolicyLike, report: Report) => {
  checkDirections(spec, metadata.namespace !== undefined && metadata.namespace !== '', report);
});

/** Which of a global policy's switches go together. */
export const globalSwitches = noted(
  'not both doNotTrack and preDNAT; applyOnForward with either; no egress with preDNAT',
  checkGlobalSwitches,
);

function checkGlobalSwitches({ spec }: PolicyLike, report: Report): void {
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
export const stagedDeletion = noted('with stagedAction Delete, nothing else but tier', checkStagedDeletion);

function checkStagedDeletion({ spec }: { readonly spec: object }, report: Report): void {
  if (!('stagedAction' in spec) || spec.stagedAction !== 'Delete') return;
  for (const [field, value] of Object.entries<unknown>(spec)) {
    if (field === 'stagedAction' || field === 'tier' || field === 'podSelector') continue;
    const isEmpty =
      value === undefined || value === '' || value === false || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) report(['spec', field], value, 'must be left out where stagedAction is Delete');
  }
}
