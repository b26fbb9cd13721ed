import type { Family } from '@calico-node/net';
import type { LocalWorkloadEndpoint, PolicyUpdate, ProfileUpdate } from '../calc/intents.ts';
import { renderDispatchMaps } from './dispatch.ts';
import type { Ruleset } from './model.ts';
import type { RuleOptions } from './options.ts';
import { renderPolicyChains, renderProfileChains } from './policy-chains.ts';
import { renderReversePathSkip } from './reverse-path.ts';
import { renderHooks, renderStaticChains } from './static-chains.ts';
import { renderWorkloadChains } from './workload-chains.ts';

/** What calc wants of the packet filter at one moment. */
export interface ActiveState {
  readonly policies: Iterable<PolicyUpdate>;
  readonly profiles: Iterable<ProfileUpdate>;
  /** With distinct interface names. */
  readonly endpoints: Iterable<LocalWorkloadEndpoint>;
}

/**
 * One family's whole ruleset. A dataplane that renders only what changed, from the same functions, must
 * end up with this.
 */
export function renderRuleset(state: ActiveState, family: Family, options: RuleOptions): Ruleset {
  const endpoints = [...state.endpoints];
  return {
    family,
    hooks: renderHooks(options),
    chains: [
      ...renderStaticChains(family, options),
      renderReversePathSkip(endpoints, family),
      ...[...state.profiles].flatMap((profile) => renderProfileChains(profile, family, options)),
      ...[...state.policies].flatMap((policy) => renderPolicyChains(policy, family, options)),
      ...endpoints.flatMap((endpoint) => renderWorkloadChains(endpoint, options)),
    ],
    dispatchMaps: renderDispatchMaps(endpoints),
  };
}
