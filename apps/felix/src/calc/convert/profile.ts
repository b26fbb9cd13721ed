import { DEFAULT_ALLOW_PROFILE, type Profile } from '@calico-node/model';
import { labelsOf } from '@calico-node/selector';
import type { IpSetDefinition } from '../ip-set-definition.ts';
import type { LabelMap } from '../label-matcher.ts';
import type { ParsedRule } from '../parsed-rule.ts';
import { parseRules } from './rule.ts';
import { SelectorCache } from './selectors.ts';

/** A profile in the calculation graph. */
export interface ProfileModel {
  readonly name: string;
  readonly ingress: readonly ParsedRule[];
  readonly egress: readonly ParsedRule[];
  readonly sets: readonly IpSetDefinition[];
  /** Labels that endpoints with the profile inherit. */
  readonly labels: LabelMap;
}

/** Throws what `parseRules` throws. */
export function convertProfile({ spec }: Profile, name: string, selectors: SelectorCache): ProfileModel {
  const ingress = parseRules(spec.ingress, undefined, selectors);
  const egress = parseRules(spec.egress, undefined, selectors);
  return {
    name,
    ingress: ingress.rules,
    egress: egress.rules,
    sets: [...ingress.sets, ...egress.sets],
    labels: labelsOf(spec.labelsToApply),
  };
}

/** The profile that allows everything: in every cluster, and never stored. */
export const defaultAllowProfile = convertProfile(
  DEFAULT_ALLOW_PROFILE,
  DEFAULT_ALLOW_PROFILE.metadata.name,
  new SelectorCache(),
);
