import type { Cidr, Family } from '@calico-node/net';
import type { LocalWorkloadEndpoint, PolicyUpdate, ProfileUpdate } from '../calc/intents.ts';
import { renderDispatchMaps } from './dispatch.ts';
import { renderFloatingChains } from './floating-addresses.ts';
import { groupsOfHost, renderHostChains, type HostAttachment } from './host-chains.ts';
import { renderHostDispatchChains, renderHostDispatchMaps } from './host-dispatch.ts';
import type { Ruleset } from './model.ts';
import type { RuleOptions } from './options.ts';
import { renderMarkChains, renderMarkDispatch } from './ipvs.ts';
import { renderPolicyChains, renderProfileChains } from './policy-chains.ts';
import { renderGroupChain } from './policy-groups.ts';
import { renderReversePathSkip } from './reverse-path.ts';
import { renderServiceLoopChain } from './service-loops.ts';
import { renderHooks, renderStaticChains } from './static-chains.ts';
import { renderDscpChain } from './traffic-limits.ts';
import { groupsOfWorkload, renderWorkloadChains } from './workload-chains.ts';

/** What calc wants of the packet filter at one moment. */
export interface ActiveState {
  readonly policies: Iterable<PolicyUpdate>;
  readonly profiles: Iterable<ProfileUpdate>;
  /** With distinct interface names. */
  readonly endpoints: Iterable<LocalWorkloadEndpoint>;
  readonly serviceCidrs?: readonly Cidr[];
  /** With distinct interface names (`host-interfaces.ts`). */
  readonly hostAttachments?: readonly HostAttachment[];
}

/**
 * One family's whole ruleset. A dataplane that renders only what changed, from the same functions, must
 * end up with this.
 */
export function renderRuleset(state: ActiveState, family: Family, options: RuleOptions): Ruleset {
  const endpoints = [...state.endpoints];
  const attachments = state.hostAttachments ?? [];
  const hasWildcard = attachments.some(({ interfaceName }) => interfaceName === '*');
  const groups = [
    ...endpoints.flatMap((endpoint) => groupsOfWorkload(endpoint, options)),
    ...attachments.flatMap((attachment) => groupsOfHost(attachment)),
  ].map((group) => renderGroupChain(group, options));
  const { ipvs } = options;
  const marked = {
    workloads: endpoints.map(({ interfaceName }) => interfaceName),
    hosts: attachments.map(({ interfaceName }) => interfaceName).filter((name) => name !== '*'),
    hasWildcard,
  };
  return {
    family,
    hooks: renderHooks(options),
    chains: [
      ...renderStaticChains(family, options),
      renderReversePathSkip(endpoints, family),
      renderDscpChain(endpoints, new Set(attachments.map(({ endpoint }) => endpoint)), family),
      ...renderFloatingChains(endpoints, family, options),
      renderServiceLoopChain(state.serviceCidrs ?? [], family, options),
      ...[...state.profiles].flatMap((profile) => renderProfileChains(profile, family, options)),
      ...[...state.policies].flatMap((policy) => renderPolicyChains(policy, family, options)),
      ...new Map(groups.map((group) => [`${group.layer} ${group.name}`, group])).values(),
      ...endpoints.flatMap((endpoint) => renderWorkloadChains(endpoint, options)),
      ...attachments.flatMap((attachment) => renderHostChains(attachment, options)),
      ...renderHostDispatchChains(hasWildcard, options),
      ...(ipvs === undefined ? [] : renderMarkChains(marked, ipvs, options)),
    ],
    dispatchMaps: [
      ...renderDispatchMaps(endpoints),
      ...renderHostDispatchMaps(attachments, options),
      ...(ipvs === undefined ? [] : [renderMarkDispatch([...marked.workloads, ...marked.hosts])]),
    ],
  };
}
