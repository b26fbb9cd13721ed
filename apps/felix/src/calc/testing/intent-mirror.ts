/**
 * A dataplane that only remembers, and holds calc to its word: nothing refers to what is not there at
 * that point of the batch, nothing is removed that is unknown or in use, deltas are exact.
 */
import type { Cidr } from '@calico-node/net';
import type { HostEndpointId, WorkloadEndpointId } from '../endpoint-id.ts';
import {
  policiesOf,
  type ConfigUpdate,
  type EncapsulationUpdate,
  type EndpointTier,
  type HostInterfaceUpdate,
  type HostUpdate,
  type Intent,
  type IntentBatch,
  type IpSetDelta,
  type IpSetUpdate,
  type LocalHostEndpoint,
  type LocalWorkloadEndpoint,
  type PolicyUpdate,
  type PoolUpdate,
  type ProfileUpdate,
  type RouteUpdate,
} from '../intents.ts';
import type { IpPortMember, IpSetId } from '../ip-set.ts';
import type { ParsedRule } from '../parsed-rule.ts';

type Member = Cidr | IpPortMember;

export class IntentMirror {
  readonly sets = new Map<string, { readonly kind: 'net' | 'ip-port'; readonly members: Set<Member> }>();
  readonly policies = new Map<string, PolicyUpdate>();
  readonly profiles = new Map<string, ProfileUpdate>();
  readonly endpoints = new Map<string, LocalWorkloadEndpoint>();
  readonly hostEndpoints = new Map<string, LocalHostEndpoint>();
  readonly interfaces = new Map<string, HostInterfaceUpdate>();
  readonly pools = new Map<string, PoolUpdate>();
  readonly hosts = new Map<string, HostUpdate>();
  serviceCidrs: readonly Cidr[] = [];
  readonly routes = new Map<string, RouteUpdate>();
  readonly owners = new Map<string, string>();
  encapsulation: EncapsulationUpdate | undefined;
  config: ConfigUpdate | undefined;
  isInSync = false;
  readonly #replacesSets: boolean;

  /** `replacesSets`: a set that went and came back may be announced anew without having been removed. */
  constructor({ replacesSets = false }: { readonly replacesSets?: boolean } = {}) {
    this.#replacesSets = replacesSets;
  }

  apply({ intents }: IntentBatch): this {
    for (const intent of intents) this.#applyOne(intent);
    return this;
  }

  /** What calc would tell a dataplane that comes now, as far as policy goes. */
  intents(): readonly Intent[] {
    return [
      ...(this.config === undefined ? [] : [this.config]),
      { type: 'service-cidrs-update', cidrs: this.serviceCidrs },
      ...[...this.sets].map(
        ([id, { kind, members }]) =>
          ({ type: 'ip-set-update', id, kind, members: [...members] }) as unknown as IpSetUpdate,
      ),
      ...this.profiles.values(),
      ...this.policies.values(),
      ...[...this.endpoints].map(
        ([id, endpoint]) => ({ type: 'workload-endpoint-update', id: id as WorkloadEndpointId, endpoint }) as const,
      ),
      ...[...this.hostEndpoints].map(
        ([id, endpoint]) => ({ type: 'host-endpoint-update', id: id as HostEndpointId, endpoint }) as const,
      ),
      ...(this.isInSync ? [{ type: 'in-sync' } as const] : []),
    ];
  }

  /** The state as comparable text. */
  describe(): string {
    const sorted = <V, R>(map: ReadonlyMap<string, V>, show: (value: V) => R): readonly (readonly [string, R])[] =>
      [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, show(value)] as const);
    return JSON.stringify(
      {
        sets: sorted(this.sets, ({ kind, members }) => ({ kind, members: [...members].sort() })),
        policies: sorted(this.policies, (policy) => policy),
        profiles: sorted(this.profiles, (profile) => profile),
        endpoints: sorted(this.endpoints, (endpoint) => endpoint),
        hostEndpoints: sorted(this.hostEndpoints, (endpoint) => endpoint),
        pools: sorted(this.pools, (pool) => pool),
        hosts: sorted(this.hosts, (host) => host),
        serviceCidrs: this.serviceCidrs,
        routes: sorted(this.routes, (route) => route),
        owners: sorted(this.owners, (host) => host),
        encapsulation: this.encapsulation,
        config: this.config,
        isInSync: this.isInSync,
      },
      (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value),
      1,
    );
  }

  #applyOne(intent: Intent): void {
    switch (intent.type) {
      case 'config-update':
        this.config = intent;
        return;
      case 'service-cidrs-update':
        this.serviceCidrs = intent.cidrs;
        return;
      case 'in-sync':
        check(!this.isInSync, 'in-sync comes once');
        this.isInSync = true;
        return;
      case 'host-update':
        this.hosts.set(intent.hostname, intent);
        return;
      case 'host-remove':
        check(this.hosts.delete(intent.hostname), `host ${intent.hostname} is known`);
        return;
      case 'pool-update':
        this.pools.set(intent.name, intent);
        return;
      case 'pool-remove':
        check(this.pools.delete(intent.name), `pool ${intent.name} is known`);
        return;
      case 'encapsulation-update':
        this.encapsulation = intent;
        return;
      case 'route-update':
        this.routes.set(intent.destination, intent);
        return;
      case 'route-remove':
        check(this.routes.delete(intent.destination), `route ${intent.destination} is known`);
        return;
      case 'owner-update':
        this.owners.set(intent.destination, intent.host);
        return;
      case 'owner-remove':
        check(this.owners.delete(intent.destination), `the owner of ${intent.destination} is known`);
        return;
      case 'ip-set-update':
        check(this.#replacesSets || !this.sets.has(intent.id), `set ${intent.id} is new`);
        this.sets.set(intent.id, { kind: intent.kind, members: new Set<Member>(intent.members) });
        return;
      case 'ip-set-delta':
        this.#applyDelta(intent);
        return;
      case 'ip-set-remove':
        for (const { ingress, egress } of [...this.policies.values(), ...this.profiles.values()]) {
          check(
            ![...ingress, ...egress].some((rule) => setsOf(rule).includes(intent.id)),
            `set ${intent.id} is out of use`,
          );
        }
        check(this.sets.delete(intent.id), `set ${intent.id} is known`);
        return;
      case 'policy-update':
        this.#checkSets(intent);
        this.policies.set(intent.id, intent);
        return;
      case 'policy-remove':
        for (const tiers of [...[...this.endpoints.values()].map((each) => each.tiers), ...this.#hostTiers()])
          check(!idsOf(tiers).includes(intent.id), `policy ${intent.id} is out of use`);
        check(this.policies.delete(intent.id), `policy ${intent.id} is known`);
        return;
      case 'profile-update':
        this.#checkSets(intent);
        this.profiles.set(intent.name, intent);
        return;
      case 'profile-remove':
        for (const { profiles } of [...this.endpoints.values(), ...this.hostEndpoints.values()])
          check(!profiles.includes(intent.name), `profile ${intent.name} is out of use`);
        check(this.profiles.delete(intent.name), `profile ${intent.name} is known`);
        return;
      case 'workload-endpoint-update': {
        const { tiers, profiles } = intent.endpoint;
        this.#checkPolicy(tiers, profiles, (stage) => stage === 'normal');
        this.endpoints.set(intent.id, intent.endpoint);
        return;
      }
      case 'host-endpoint-update': {
        const { tiers, forwardTiers, untrackedTiers, preDnatTiers, profiles } = intent.endpoint;
        this.#checkPolicy(
          [...tiers, ...forwardTiers],
          profiles,
          (stage, isForHosts) => stage === 'normal' && isForHosts,
        );
        this.#checkPolicy(untrackedTiers, [], (stage) => stage === 'untracked');
        this.#checkPolicy(preDnatTiers, [], (stage) => stage === 'pre-dnat');
        for (const name of profiles)
          check(this.profiles.get(name)?.isForHosts === true, `profile ${name} is for hosts`);
        this.hostEndpoints.set(intent.id, intent.endpoint);
        return;
      }
      case 'host-endpoint-remove':
        check(this.hostEndpoints.delete(intent.id), `host endpoint ${intent.id} is known`);
        return;
      case 'host-interface-update':
        this.interfaces.set(intent.name, intent);
        return;
      case 'host-interface-remove':
        check(this.interfaces.delete(intent.name), `interface ${intent.name} is known`);
        return;
      case 'workload-endpoint-remove':
        check(this.endpoints.delete(intent.id), `endpoint ${intent.id} is known`);
        return;
    }
  }

  #hostTiers(): readonly (readonly EndpointTier[])[] {
    return [...this.hostEndpoints.values()].flatMap(({ tiers, forwardTiers, untrackedTiers, preDnatTiers }) => [
      tiers,
      forwardTiers,
      untrackedTiers,
      preDnatTiers,
    ]);
  }

  #checkPolicy(
    tiers: readonly EndpointTier[],
    profiles: readonly string[],
    fits: (stage: PolicyUpdate['stage'], isForHosts: boolean) => boolean,
  ): void {
    for (const id of idsOf(tiers)) {
      const policy = this.policies.get(id);
      check(policy !== undefined && fits(policy.stage, policy.isForHosts), `policy ${id} is there, and of the stage`);
    }
    for (const name of profiles) check(this.profiles.has(name), `profile ${name} is there`);
  }

  #applyDelta(delta: IpSetDelta): void {
    const set = this.sets.get(delta.id);
    check(set?.kind === delta.kind, `set ${delta.id} is known, and of kind ${delta.kind}`);
    check(delta.added.length + delta.removed.length > 0, `the delta of ${delta.id} says something`);
    for (const member of delta.added) {
      check(set?.members.has(member) === false, `${member} is new in ${delta.id}`);
      set?.members.add(member);
    }
    for (const member of delta.removed) check(set?.members.delete(member) === true, `${member} is in ${delta.id}`);
  }

  #checkSets({
    ingress,
    egress,
  }: {
    readonly ingress: readonly ParsedRule[];
    readonly egress: readonly ParsedRule[];
  }): void {
    for (const id of [...ingress, ...egress].flatMap(setsOf)) check(this.sets.has(id), `set ${id} is there`);
  }
}

function idsOf(tiers: readonly EndpointTier[]): readonly string[] {
  return tiers.flatMap(({ ingress, egress }) => [...policiesOf(ingress), ...policiesOf(egress)]);
}

function setsOf({ source, destination }: ParsedRule): readonly IpSetId[] {
  return [source, destination].flatMap(({ sets, notSets, namedPorts, notNamedPorts }) => [
    ...sets,
    ...notSets,
    ...namedPorts,
    ...notNamedPorts,
  ]);
}

function check(holds: boolean, promise: string): void {
  if (!holds) throw new Error(`broken promise: ${promise}`);
}
