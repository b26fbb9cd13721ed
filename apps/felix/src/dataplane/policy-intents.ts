import { policiesOf, type Intent, type LocalHostEndpoint, type LocalWorkloadEndpoint } from '../calc/intents.ts';
import type { HostEndpointId, WorkloadEndpointId } from '../calc/endpoint-id.ts';
import { renderDispatchMaps } from '../rules/dispatch.ts';
import {
  groupChainName,
  policyChainName,
  profileChainName,
  workloadChainName,
  type Direction,
} from '../rules/names.ts';
import type { RuleOptions } from '../rules/options.ts';
import {
  otherPlaces,
  placesOfPolicy,
  placesOfProfile,
  renderPolicyChains,
  renderProfileChains,
  type ChainPlace,
} from '../rules/policy-chains.ts';
import { renderFloatingChains } from '../rules/floating-addresses.ts';
import { renderReversePathSkip } from '../rules/reverse-path.ts';
import { renderServiceLoopChain } from '../rules/service-loops.ts';
import { renderHooks, renderStaticChains } from '../rules/static-chains.ts';
import { renderDscpChain } from '../rules/traffic-limits.ts';
import { groupsOfWorkload, renderWorkloadChains } from '../rules/workload-chains.ts';
import { EndpointMarks } from './endpoint-marks.ts';
import { GroupUsers } from './group-users.ts';
import { HostIntents } from './host-intents.ts';
import type { PolicyTarget } from './policy-target.ts';

/** Host endpoints' interfaces are users of the same groups, under names of their own. */
const workloadUser = (interfaceName: string): string => `workload ${interfaceName}`;

const directions: readonly Direction[] = ['ingress', 'egress'];

/** Turns what calc wants into what one family's packet filter should hold. The work is that of what an intent touches. */
export class PolicyIntents {
  readonly #target: PolicyTarget;
  readonly #options: RuleOptions;
  /** Endpoints by the interface that they name: the lowest id has it, the others wait. */
  readonly #byInterface = new Map<string, Map<WorkloadEndpointId, LocalWorkloadEndpoint>>();
  readonly #interfaceOf = new Map<WorkloadEndpointId, string>();
  /** Endpoints with networks that their source address may lie in. */
  readonly #spoofers = new Map<string, LocalWorkloadEndpoint>();
  /** Endpoints whose packets get a code point. */
  readonly #dscp = new Map<string, LocalWorkloadEndpoint>();
  readonly #hostDscp = new Map<HostEndpointId, LocalHostEndpoint>();
  /** Endpoints with floating addresses. */
  readonly #floating = new Map<string, LocalWorkloadEndpoint>();
  readonly #groups: GroupUsers;
  readonly #marks: EndpointMarks;
  readonly #hosts: HostIntents;

  constructor(target: PolicyTarget, options: RuleOptions) {
    this.#target = target;
    this.#options = options;
    this.#groups = new GroupUsers(target, options);
    this.#marks = new EndpointMarks(target, options);
    this.#hosts = new HostIntents(target, options, this.#groups, this.#marks);
    for (const map of renderDispatchMaps([])) target.dispatch.set(map);
    for (const hook of renderHooks(options)) target.chains.setHook(hook);
    this.#setStaticChains(options);
    target.chains.setChain(renderServiceLoopChain([], target.family, options));
    this.#setReversePathSkip();
    this.#setDscp();
    this.#setFloating();
  }

  take(intents: readonly Intent[]): void {
    for (const intent of intents) this.#take(intent);
    this.#marks.settle();
  }

  #take(intent: Intent): void {
    const { chains, sets, family } = this.#target;
    const { maxChainNameLength } = this.#options;
    switch (intent.type) {
      case 'ip-set-update':
        sets.replace(intent.id, intent.kind, intent.members);
        return;
      case 'ip-set-delta':
        sets.change(intent.id, intent.added, intent.removed);
        return;
      case 'ip-set-remove':
        sets.delete(intent.id);
        return;
      case 'profile-update': {
        for (const chain of renderProfileChains(intent, family, this.#options)) chains.setChain(chain);
        const name = ({ direction }: ChainPlace): string =>
          profileChainName(intent.name, direction, maxChainNameLength);
        for (const place of otherPlaces(placesOfProfile(intent))) chains.delete(place.layer, name(place));
        return;
      }
      case 'profile-remove':
        for (const { layer, direction } of otherPlaces([]))
          chains.delete(layer, profileChainName(intent.name, direction, maxChainNameLength));
        return;
      case 'policy-update': {
        for (const chain of renderPolicyChains(intent, family, this.#options)) chains.setChain(chain);
        const name = ({ direction }: ChainPlace): string => policyChainName(intent.id, direction, maxChainNameLength);
        for (const place of otherPlaces(placesOfPolicy(intent))) chains.delete(place.layer, name(place));
        return;
      }
      case 'policy-remove':
        for (const { layer, direction } of otherPlaces([]))
          chains.delete(layer, policyChainName(intent.id, direction, maxChainNameLength));
        return;
      case 'workload-endpoint-update':
        this.#setEndpoint(intent.id, intent.endpoint);
        return;
      case 'workload-endpoint-remove':
        this.#deleteEndpoint(intent.id);
        return;
      case 'service-cidrs-update':
        chains.setChain(renderServiceLoopChain(intent.cidrs, family, this.#options));
        return;
      case 'host-endpoint-update':
        this.#noteHostDscp(intent.id, intent.endpoint);
        this.#hosts.take(intent);
        return;
      case 'host-endpoint-remove':
        this.#noteHostDscp(intent.id, undefined);
        this.#hosts.take(intent);
        return;
      case 'host-interface-update':
      case 'host-interface-remove':
        this.#hosts.take(intent);
        return;
      case 'encapsulation-update': {
        const { ipip, vxlan4, vxlan6 } = intent;
        this.#setStaticChains({ ...this.#options, tunnels: { ipip, vxlan4, vxlan6 } });
        return;
      }
      case 'config-update':
      case 'host-update':
      case 'host-remove':
      case 'pool-update':
      case 'pool-remove':
      case 'route-update':
      case 'route-remove':
      case 'owner-update':
      case 'owner-remove':
      case 'in-sync':
        return;
    }
  }

  /** The chains of the filter layer that an endpoint's packets may pass, beside the static ones. */
  chainsOf(endpoint: LocalWorkloadEndpoint): readonly string[] {
    const { maxChainNameLength } = this.#options;
    return directions.flatMap((direction) => [
      workloadChainName(endpoint.interfaceName, direction),
      ...endpoint.tiers.flatMap((tier) =>
        policiesOf(tier[direction]).map((policy) => policyChainName(policy, direction, maxChainNameLength)),
      ),
      ...groupsOfWorkload(endpoint, this.#options)
        .filter((group) => group.direction === direction)
        .map(({ group }) => groupChainName(group, direction)),
      ...endpoint.profiles.map((profile) => profileChainName(profile, direction, maxChainNameLength)),
    ]);
  }

  #setStaticChains(options: RuleOptions): void {
    const { chains, family } = this.#target;
    for (const chain of renderStaticChains(family, options)) chains.setChain(chain);
  }

  #setEndpoint(id: WorkloadEndpointId, endpoint: LocalWorkloadEndpoint): void {
    const { interfaceName } = endpoint;
    if (this.#interfaceOf.get(id) !== interfaceName) this.#deleteEndpoint(id);
    const claims = this.#byInterface.get(interfaceName) ?? new Map<WorkloadEndpointId, LocalWorkloadEndpoint>();
    this.#byInterface.set(interfaceName, claims.set(id, endpoint));
    this.#interfaceOf.set(id, interfaceName);
    this.#settle(interfaceName);
  }

  #deleteEndpoint(id: WorkloadEndpointId): void {
    const interfaceName = this.#interfaceOf.get(id);
    if (interfaceName === undefined) return;
    this.#interfaceOf.delete(id);
    this.#byInterface.get(interfaceName)?.delete(id);
    this.#settle(interfaceName);
  }

  /** Gives the interface's chains to the endpoint that has it now. */
  #settle(interfaceName: string): void {
    const claims = this.#byInterface.get(interfaceName);
    const [winner] = [...(claims ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
    const { chains, dispatch } = this.#target;
    if (winner === undefined) {
      this.#byInterface.delete(interfaceName);
      this.#noteSpoofer(interfaceName, undefined);
      this.#noteDscp(interfaceName, undefined);
      this.#noteFloating(interfaceName, undefined);
      for (const map of renderDispatchMaps([])) dispatch.deleteEntry(map, { interfaceName });
      for (const direction of directions) chains.delete('filter', workloadChainName(interfaceName, direction));
      this.#groups.setUses(workloadUser(interfaceName), []);
      this.#marks.setWorkload(interfaceName, false);
      return;
    }
    const [, endpoint] = winner;
    this.#noteSpoofer(interfaceName, endpoint);
    this.#noteDscp(interfaceName, endpoint);
    this.#noteFloating(interfaceName, endpoint);
    this.#groups.setUses(workloadUser(interfaceName), groupsOfWorkload(endpoint, this.#options));
    for (const map of renderDispatchMaps([endpoint])) dispatch.set(map);
    for (const chain of renderWorkloadChains(endpoint, this.#options)) chains.setChain(chain);
    this.#marks.setWorkload(interfaceName, true);
  }

  #noteSpoofer(interfaceName: string, endpoint: LocalWorkloadEndpoint | undefined): void {
    if (endpoint !== undefined && endpoint.allowedSourcePrefixes.length > 0) {
      this.#spoofers.set(interfaceName, endpoint);
    } else if (!this.#spoofers.delete(interfaceName)) return;
    this.#setReversePathSkip();
  }

  #noteDscp(interfaceName: string, endpoint: LocalWorkloadEndpoint | undefined): void {
    if (endpoint?.dscp !== undefined) this.#dscp.set(interfaceName, endpoint);
    else if (!this.#dscp.delete(interfaceName)) return;
    this.#setDscp();
  }

  #noteHostDscp(id: HostEndpointId, endpoint: LocalHostEndpoint | undefined): void {
    if (endpoint?.dscp !== undefined) this.#hostDscp.set(id, endpoint);
    else if (!this.#hostDscp.delete(id)) return;
    this.#setDscp();
  }

  #noteFloating(interfaceName: string, endpoint: LocalWorkloadEndpoint | undefined): void {
    if (endpoint !== undefined && endpoint.nats.length > 0) this.#floating.set(interfaceName, endpoint);
    else if (!this.#floating.delete(interfaceName)) return;
    this.#setFloating();
  }

  #setFloating(): void {
    const { chains, family } = this.#target;
    for (const chain of renderFloatingChains(this.#floating.values(), family, this.#options)) chains.setChain(chain);
  }

  #setDscp(): void {
    const { chains, family } = this.#target;
    chains.setChain(renderDscpChain(this.#dscp.values(), this.#hostDscp.values(), family));
  }

  #setReversePathSkip(): void {
    this.#target.chains.setChain(renderReversePathSkip(this.#spoofers.values(), this.#target.family));
  }
}
