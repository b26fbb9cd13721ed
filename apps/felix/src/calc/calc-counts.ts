import type { MatchingWork } from './label-matcher.ts';

export interface CalcCounts {
  readonly policies: number;
  readonly activePolicies: number;
  readonly stagedPolicies: number;
  readonly profiles: number;
  readonly tiers: number;
  readonly hosts: number;
  readonly workloadEndpoints: number;
  readonly hostEndpoints: number;
  /** Endpoints and network sets. */
  readonly selectable: number;
  /** Of rules that this host needs. */
  readonly activeSelectors: number;
  /** Of them those that everything has to be asked of. */
  readonly unfiledSelectors: number;
  readonly matching: MatchingWork;
}
