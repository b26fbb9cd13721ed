import type { Labels } from '@calico-node/selector';

/** An endpoint as policy sees it. */
export interface PolicyEndpoint {
  readonly kind: 'workload' | 'host';
  /** How a decision names it. */
  readonly name: string;
  /** Its own labels. */
  readonly labels: Labels;
  /** In the order in which they apply; they give it labels too. */
  readonly profiles: readonly string[];
}

export type Direction = 'ingress' | 'egress';

/**
 * Which of an endpoint's policies are asked. Workload endpoints have `normal` only; of a host endpoint,
 * `untracked` are the doNotTrack policies, `pre-dnat` the preDNAT ones, `forward` those with
 * applyOnForward, for traffic that the host only passes on.
 */
export type Stage = 'untracked' | 'pre-dnat' | 'normal' | 'forward';
