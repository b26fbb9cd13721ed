/**
 * The calculation graph: store updates in, dataplane intents out. Synchronous, without clock or I/O.
 *
 *   store update ─ decode, convert ─┬─ WorkloadEndpoint ─┬─ LocalEndpoints ──────────────────┐
 *                                   │                    ├─ ActivePolicies (label index) ─┐  │
 *                                   ├─ policies, tiers ──┘                                │  │
 *                                   ├─ HostEndpoint ──── LocalHostEndpoints ◄──────────┐  │
 *                                   ├─ Profile ── ActiveProfiles ─────────────────────────┤  │
 *                                   ├─ all that has labels ── IpSetIndex (label index) ◄──┘  │
 *                                   ├─ IPPool, Node ─┬─ Networks ── fixed IP sets            │
 *                                   ├─ IPAM blocks ──┴─ RouteResolver                        │
 *                                   └─ configuration                                         ▼
 *                                                                          flush: one ordered batch
 *
 * The final state depends on the newest value of each key alone, not on the order, grouping or number
 * of the updates that led there. Work is proportional to what an update touches.
 */
import { NetParseError, type Cidr, type NodeName } from '@calico-node/net';
import {
  decodeResource,
  isWorkloadEndpointName,
  parseBlockKey,
  parseResourceKey,
  ValidationError,
  type ResourceKey,
  type Node,
  type WorkloadEndpoint,
  resourcePrefix,
  type Kind,
} from '@calico-node/model';
import { parseSelector, SelectorError } from '@calico-node/selector';
import { ActivePolicies } from './active-policies.ts';
import { ActiveProfiles } from './active-profiles.ts';
import type { CalcCounts } from './calc-counts.ts';
import { Configuration } from './configuration.ts';
import { ConversionError } from './convert/conversion-error.ts';
import { EndpointItems } from './convert/endpoint-items.ts';
import { convertEndpointSlice } from './convert/endpoint-slice.ts';
import type { EndpointSlice } from './endpoint-slices.ts';
import { convertHostEndpoint, type HostEndpointModel } from './convert/host-endpoint.ts';
import { convertGlobalNetworkSet, convertNetworkSet } from './convert/labelled-items.ts';
import { convertGlobalNetworkPolicy, convertNetworkPolicy, type PolicyModel } from './convert/policy.ts';
import { convertProfile, defaultAllowProfile, type ProfileModel } from './convert/profile.ts';
import { SelectorCache } from './convert/selectors.ts';
import { convertLocalEndpoint, identityOf, parseEndpointKey } from './convert/workload-endpoint.ts';
import { workloadEndpointIdOf, type HostEndpointId } from './endpoint-id.ts';
import { LocalHostEndpoints } from './host-endpoints.ts';
import type {
  CalcWarning,
  HostRemove,
  HostUpdate,
  Intent,
  IntentBatch,
  PolicyStage,
  PoolRemove,
  PoolUpdate,
} from './intents.ts';
import {
  allHostsSet,
  ambientMeshSet,
  masqueradePoolsSet,
  networkPoolsSet,
  vxlanHostsSet,
  type IpSetId,
} from './ip-set.ts';
import { IpSetIndex, type LabelledItem } from './ip-set-index.ts';
import { LocalEndpoints } from './local-endpoints.ts';
import { LocalPeering } from './local-peering.ts';
import { convertNode, convertPool, Networks } from './networks.ts';
import { policyIdOf, type PolicyName } from './policy-id.ts';
import { ownersOfBlock, ownersOfEndpoint } from './routes/owners.ts';
import { Encapsulations, type FixedEncapsulations } from './routes/encapsulations.ts';
import { RouteResolver, type ProgrammedRoutes } from './routes/route-resolver.ts';
import { RuleTexts, type RuledResource } from './rule-texts.ts';
import { ServiceCidrs } from './service-cidrs.ts';
import { convertTier, Tiers, type TierModel } from './tiers.ts';

/** Istio's labels of namespaces and pods, which Calico reads so. */
const ambientMeshSelector =
  "pcns.istio.io/dataplane-mode == 'ambient' && istio.io/dataplane-mode != 'none' || istio.io/dataplane-mode == 'ambient'";

/** One key's new state, as the syncer gives it. */
export interface StoreUpdate {
  readonly key: string;
  /** The stored text; undefined when the key is deleted. */
  readonly value: string | undefined;
  readonly revision: bigint;
}

export interface CalcGraphOptions {
  /** Whose endpoints are local. */
  readonly hostname: NodeName;
  /** Hosts beside the nodes that may send into tunnels (ExternalNodesCIDRList). */
  readonly externalNodes?: readonly Cidr[];
  /** What says where workloads are (RouteSource): the blocks, which is the default, or the endpoints. */
  readonly routeSource?: 'CalicoIPAM' | 'WorkloadIPs';
  /** Whether there are tunnels of a kind, whatever the pools say. */
  readonly encapsulations?: FixedEncapsulations;
  /** Which routes are programmed beside those of VXLAN pools. */
  readonly programs?: ProgrammedRoutes;
  /** Whether to tell which host has which destination (WireGuard). */
  readonly tellsOwners?: boolean;
  /** Whether rules ask who is in Istio's ambient mesh (IstioAmbientMode). */
  readonly hasAmbientMesh?: boolean;
  /** What holds for this node in place of what its Node resource says. */
  readonly ownNode?: Partial<Node['spec']>;
  /** Whether workloads may ask for leave to use other source addresses (WorkloadSourceSpoofing); by default not. */
  readonly allowsSpoofing?: boolean;
}

export class CalcGraph {
  readonly #hostname: NodeName;
  /** What the names of this host's endpoints start with, and of some others'. */
  readonly #ownNames: string;
  readonly #options: CalcGraphOptions;
  readonly #selectors = new SelectorCache();
  readonly #endpointItems = new EndpointItems();
  readonly #ipSets = new IpSetIndex();
  readonly #tiers = new Tiers();
  readonly #endpoints = new LocalEndpoints();
  readonly #profiles = new ActiveProfiles(this.#ipSets);
  readonly #hostEndpoints = new LocalHostEndpoints();
  readonly #policies = new ActivePolicies(this.#ipSets, {
    workloadPoliciesChanged: (id) => {
      this.#endpoints.touch(id);
    },
    hostPoliciesChanged: (id) => {
      this.#hostEndpoints.touch(id);
    },
  });
  readonly #hosts = new Networks<HostUpdate, HostRemove>(this.#ipSets, (name) => ({
    type: 'host-remove',
    hostname: name as NodeName,
  }));
  readonly #pools = new Networks<PoolUpdate, PoolRemove>(this.#ipSets, (name) => ({ type: 'pool-remove', name }));
  readonly #serviceCidrs = new ServiceCidrs();
  readonly #peering: LocalPeering;
  readonly #encapsulations: Encapsulations;
  readonly #routes: RouteResolver;
  readonly #configuration: Configuration;
  readonly #ruleTexts = new RuleTexts();
  readonly #staged = new Set<string>();
  #warnings: CalcWarning[] = [];
  #revision = 0n;
  #sync: 'waiting' | 'reached' | 'announced' = 'waiting';

  constructor(options: CalcGraphOptions) {
    const { hostname, externalNodes = [], encapsulations, programs, tellsOwners, hasAmbientMesh = false } = options;
    this.#options = options;
    this.#hostname = hostname;
    this.#ownNames = `${hostname.replaceAll('-', '--')}-`;
    this.#encapsulations = new Encapsulations(encapsulations);
    this.#configuration = new Configuration(hostname);
    this.#peering = new LocalPeering(hostname, this.#selectors);
    this.#routes = new RouteResolver(hostname, programs, tellsOwners);
    for (const id of [networkPoolsSet, masqueradePoolsSet, allHostsSet, vxlanHostsSet])
      this.#ipSets.retain({ id, content: 'fixed' });
    for (const id of [allHostsSet, vxlanHostsSet]) this.#ipSets.changeFixed(id, externalNodes, []);
    if (hasAmbientMesh)
      this.#ipSets.retain({ id: ambientMeshSet, content: 'addresses', selector: parseSelector(ambientMeshSelector) });
    this.#setProfile(defaultAllowProfile.name, defaultAllowProfile);
  }

  /**
   * Takes a key's new state. Keys of no interest are ignored; a value that can't be read or programmed
   * counts as a deletion, with a warning in the next batch. Never throws for what the store holds.
   */
  update({ key, value, revision }: StoreUpdate): void {
    if (revision > this.#revision) this.#revision = revision;
    const block = parseBlockKey(key);
    if (block !== undefined) {
      this.#updateBlock(block, key, value, revision);
      return;
    }
    const resource = parseResourceKey(key);
    if (resource === undefined) return;
    if (value === undefined) {
      this.#apply(key, resource, undefined, revision);
      this.#ruleTexts.set(key, resource.kind, undefined, revision);
      return;
    }
    try {
      this.#apply(key, resource, value, revision);
      this.#ruleTexts.set(key, resource.kind, value, revision);
    } catch (error) {
      if (!isInvalidValue(error)) throw error;
      this.#warnings.push({ code: 'invalid-value', subject: key, message: error.message, revision });
      this.#apply(key, resource, undefined, revision);
      this.#ruleTexts.set(key, resource.kind, undefined, revision);
    }
  }

  /**
   * Takes a Kubernetes EndpointSlice's new state: `value` is the object's JSON, `key` tells slices apart. Not from etcd,
   * which has none. As `update` otherwise.
   */
  updateEndpointSlice({ key, value, revision }: StoreUpdate): void {
    if (revision > this.#revision) this.#revision = revision;
    try {
      this.#ipSets.setSlice(key, value === undefined ? undefined : convertEndpointSlice(value));
    } catch (error) {
      if (!isInvalidValue(error)) throw error;
      this.#warnings.push({ code: 'invalid-value', subject: key, message: error.message, revision });
      this.#ipSets.setSlice(key, undefined);
    }
  }

  /** The newest store revision taken. */
  get revision(): bigint {
    return this.#revision;
  }

  /** What has rules, decoded anew from the store's texts as they are now; values that were refused are left out. */
  rules(): ReturnType<RuleTexts['decode']> {
    return this.#ruleTexts.decode();
  }

  /** The spec of the policy or profile at a key, with its rules as the store has them now; none of what was refused. */
  storedRules(key: string): RuledResource['spec'] | undefined {
    return this.#ruleTexts.get(key)?.spec;
  }

  /** What a set of networks holds as of now, which may not have been told yet. */
  networksOf(set: IpSetId): Iterable<Cidr> {
    return this.#ipSets.networksOf(set);
  }

  /** Everything that selectors can select, by the store's keys. */
  get items(): ReadonlyMap<string, LabelledItem> {
    return this.#ipSets.items;
  }

  /** All nodes of the cluster. */
  get hosts(): Iterable<HostUpdate> {
    return this.#hosts.updates();
  }

  /** The networks of services' addresses. */
  get serviceCidrs(): readonly Cidr[] {
    return this.#serviceCidrs.cidrs;
  }

  /** Whether a rule that this host needs names a service, so that what comes next wants endpoint slices. */
  get asksForServices(): boolean {
    if (this.#sync === 'waiting') return false;
    this.#settle();
    return this.#ipSets.asksForServices;
  }

  /** What serves a service, `<namespace>/<name>`. */
  endpointsOf(service: string): Iterable<EndpointSlice> {
    return this.#ipSets.slicesOf(service);
  }

  /** How many there are in the store, and of policies how many apply to this host. */
  get counts(): CalcCounts {
    const keys = [...this.#ipSets.items.keys()];
    const countOf = (kind: Kind): number => {
      const prefix = resourcePrefix(kind);
      return keys.reduce((count, key) => (key.startsWith(prefix) ? count + 1 : count), 0);
    };
    return {
      hosts: this.#hosts.count,
      workloadEndpoints: countOf('WorkloadEndpoint'),
      hostEndpoints: countOf('HostEndpoint'),
      selectable: keys.length,
      activeSelectors: this.#ipSets.selectorCount,
      unfiledSelectors: this.#ipSets.unfiledSelectorCount,
      matching: this.#ipSets.matchingWork,
      policies: this.#policies.count,
      activePolicies: this.#policies.activeCount,
      stagedPolicies: this.#staged.size,
      profiles: this.#profiles.count,
      tiers: this.#tiers.count,
    };
  }

  /** The first snapshot is complete. */
  onInSync(): void {
    if (this.#sync === 'waiting') this.#sync = 'reached';
  }

  /** What changed since the last flush, in the order of `intents.ts`. Before in-sync: nothing but warnings. */
  flush(): IntentBatch {
    const intents = this.#sync === 'waiting' ? [] : this.#takeIntents();
    const warnings = this.#warnings;
    this.#warnings = [];
    return { revision: this.#revision, intents, warnings };
  }

  /** Finds out which policies and profiles this host needs. */
  #settle(): void {
    for (const subject of this.#profiles.settle()) {
      const message = 'profile is not defined; endpoints that name it deny what reaches it';
      this.#warnings.push({ code: 'missing-profile', subject, message, revision: this.#revision });
    }
    this.#policies.settle();
  }

  #takeIntents(): readonly Intent[] {
    this.#settle();
    const hosts = this.#hosts.takeChanges();
    const pools = this.#pools.takeChanges();
    const routes = this.#routes.takeChanges();
    const owners = this.#routes.takeOwners();
    const ipSets = this.#ipSets.takeChanges();
    const profiles = this.#profiles.takeChanges();
    const policies = this.#policies.takeChanges();
    if (this.#peering.takeChange()) for (const id of this.#endpoints.ids()) this.#endpoints.touch(id);
    const endpoints = this.#endpoints.takeChanges(({ id, item }) => {
      const tiers = this.#tiers.arrange(this.#policies.policiesOfWorkload(id));
      return { tiers, ...this.#peering.peeringOf(item.labels) };
    });
    const hostEndpoints = this.#hostEndpoints.takeChanges((id) => {
      const policies = this.#policies.policiesOfHost(id);
      const ofStage = (stage: PolicyStage): readonly PolicyModel[] =>
        policies.filter((policy) => policy.stage === stage);
      const normal = ofStage('normal');
      return {
        tiers: this.#tiers.arrange(normal),
        forwardTiers: this.#tiers.arrange(normal.filter(({ appliesOnForward }) => appliesOnForward)),
        untrackedTiers: this.#tiers.arrange(ofStage('untracked')),
        preDnatTiers: this.#tiers.arrange(ofStage('pre-dnat')),
      };
    });
    const isFirst = this.#sync === 'reached';
    this.#sync = 'announced';
    return [
      ...this.#configuration.takeChanges(),
      ...this.#serviceCidrs.takeChanges(),
      ...hosts.updates,
      ...pools.updates,
      ...this.#encapsulations.takeChanges(),
      ...ipSets.updates,
      ...profiles.updates,
      ...policies.updates,
      ...endpoints.updates,
      ...hostEndpoints.updates,
      ...routes.updates,
      ...owners.updates,
      ...owners.removals,
      ...routes.removals,
      ...endpoints.removals,
      ...hostEndpoints.removals,
      ...policies.removals,
      ...profiles.removals,
      ...ipSets.removals,
      ...pools.removals,
      ...hosts.removals,
      ...(isFirst ? [{ type: 'in-sync' } as const] : []),
    ];
  }

  /** Converts first and changes the graph afterwards, so that a refused value has changed nothing. */
  #apply(key: string, { kind, name, namespace = '' }: ResourceKey, text: string | undefined, revision: bigint): void {
    switch (kind) {
      case 'WorkloadEndpoint':
        this.#setEndpoint(key, name, namespace, text, revision);
        return;
      case 'HostEndpoint': {
        const decoded = text === undefined ? undefined : decodeResource(kind, text, revision);
        this.#setHostEndpoint(key, name, decoded && convertHostEndpoint(decoded, name, revision));
        return;
      }
      case 'NetworkSet':
        this.#setItem(
          key,
          text === undefined ? undefined : convertNetworkSet(decodeResource(kind, text, revision), namespace),
        );
        return;
      case 'GlobalNetworkSet':
        this.#setItem(
          key,
          text === undefined ? undefined : convertGlobalNetworkSet(decodeResource(kind, text, revision)),
        );
        return;
      case 'NetworkPolicy': {
        const decoded = text === undefined ? undefined : decodeResource(kind, text, revision);
        this.#setPolicy(
          { kind, namespace, name },
          decoded && convertNetworkPolicy(decoded, namespace, name, this.#selectors),
        );
        return;
      }
      case 'GlobalNetworkPolicy': {
        const decoded = text === undefined ? undefined : decodeResource(kind, text, revision);
        this.#setPolicy({ kind, name }, decoded && convertGlobalNetworkPolicy(decoded, name, this.#selectors));
        return;
      }
      case 'Profile':
        this.#setProfile(
          name,
          text === undefined ? undefined : convertProfile(decodeResource(kind, text, revision), name, this.#selectors),
        );
        return;
      case 'Tier':
        this.#setTier(name, text === undefined ? undefined : convertTier(decodeResource(kind, text, revision), name));
        return;
      case 'IPPool':
        this.#setPool(name, text === undefined ? undefined : convertPool(decodeResource(kind, text, revision), name));
        return;
      case 'Node':
        this.#setNode(name, text === undefined ? undefined : decodeResource(kind, text, revision));
        return;
      case 'FelixConfiguration':
        this.#configuration.setFelix(name, text === undefined ? undefined : decodeResource(kind, text, revision));
        return;
      case 'BGPConfiguration': {
        const decoded = text === undefined ? undefined : decodeResource(kind, text, revision);
        this.#serviceCidrs.set(name, decoded);
        this.#peering.setConfiguration(name, decoded);
        return;
      }
      case 'BGPPeer':
        this.#peering.setPeer(name, text === undefined ? undefined : decodeResource(kind, text, revision));
        return;
      case 'ClusterInformation':
        this.#configuration.setCluster(name, text === undefined ? undefined : decodeResource(kind, text, revision));
        return;
      case 'StagedGlobalNetworkPolicy':
      case 'StagedNetworkPolicy':
      case 'StagedKubernetesNetworkPolicy':
        // Not enforced, only counted and explained; what can't be read is refused like the rest.
        if (text !== undefined) decodeResource(kind, text, revision);
        if (text === undefined) this.#staged.delete(key);
        else this.#staged.add(key);
        return;
      default:
        return;
    }
  }

  #setPool(name: string, entry: ReturnType<typeof convertPool> | undefined): void {
    if (entry === undefined) this.#pools.delete(name);
    else this.#pools.set(name, entry);
    this.#encapsulations.set(name, entry?.update);
    this.#routes.setPool(name, entry?.update);
  }

  #convertNode(name: string, node: Node): ReturnType<typeof convertNode> {
    if (name !== this.#hostname) return convertNode(node, name);
    const { ownNode } = this.#options;
    const bgp = { ...node.spec.bgp, ...ownNode?.bgp };
    return convertNode({ ...node, spec: { ...node.spec, ...ownNode, bgp } }, name);
  }

  #setNode(name: string, node: Node | undefined): void {
    const entry = node && this.#convertNode(name, node);
    if (name === this.#hostname) {
      this.#configuration.setNode(node);
      this.#peering.setNode(node);
    }
    if (entry === undefined) this.#hosts.delete(name);
    else this.#hosts.set(name, entry);
    this.#routes.setHost(name, entry?.update);
  }

  #updateBlock(block: Cidr, key: string, text: string | undefined, revision: bigint): void {
    if (this.#options.routeSource === 'WorkloadIPs') return;
    try {
      this.#routes.setOwners(block, text === undefined ? undefined : ownersOfBlock(block, text));
    } catch (error) {
      if (!isInvalidValue(error)) throw error;
      this.#warnings.push({ code: 'invalid-value', subject: key, message: error.message, revision });
      this.#routes.setOwners(block);
    }
  }

  #setEndpoint(key: string, name: string, namespace: string, text: string | undefined, revision: bigint): void {
    const decode = (stored: string): WorkloadEndpoint => decodeResource('WorkloadEndpoint', stored, revision);
    const items = this.#endpointItems;
    if (namespace !== '' && this.#isElsewhere(name)) {
      this.#setItem(key, text === undefined ? undefined : items.fromText(text, namespace, decode));
      return;
    }
    const parsed = parseEndpointKey(name, namespace);
    if (parsed === undefined) {
      if (text === undefined) return;
      throw new ConversionError(`"${name}" is no workload endpoint's name`);
    }
    const hostname = parsed.name.node;
    const isOurs = hostname === this.#hostname;
    const resource = text === undefined || !isOurs ? undefined : decode(text);
    const item = resource
      ? items.fromResource(resource, namespace)
      : text === undefined
        ? undefined
        : items.fromText(text, namespace, decode);
    const model = resource && item && convertLocalEndpoint(resource, parsed, item, revision, this.#options);
    const speaks = isOurs || this.#options.routeSource === 'WorkloadIPs';
    this.#setItem(key, item);
    if (speaks) this.#routes.setOwners(key, ownersOfEndpoint(hostname, item?.nets));
    if (!isOurs) return;
    if (model === undefined) {
      const id = workloadEndpointIdOf(identityOf(parsed));
      this.#endpoints.delete(id);
      this.#policies.deleteWorkload(id);
      this.#profiles.setUses(id, []);
      return;
    }
    this.#endpoints.set(model);
    this.#policies.setWorkload(model.id, model.item.labels, model.item.profiles);
    this.#profiles.setUses(model.id, model.item.profiles);
  }

  /** Whether an endpoint is another host's that only selectors ask about, as most are. */
  #isElsewhere(name: string): boolean {
    return (
      this.#options.routeSource !== 'WorkloadIPs' && !name.startsWith(this.#ownNames) && isWorkloadEndpointName(name)
    );
  }

  #setHostEndpoint(key: string, name: string, model: HostEndpointModel | undefined): void {
    this.#setItem(key, model?.item);
    if (model?.hostname === this.#hostname) {
      this.#hostEndpoints.set(model);
      this.#policies.setHost(model.id, model.item.labels, model.item.profiles);
      this.#profiles.setUses(model.id, model.item.profiles, 'host');
      return;
    }
    // The key does not say whose it was.
    const id = name as HostEndpointId;
    if (!this.#hostEndpoints.delete(id)) return;
    this.#policies.deleteHost(id);
    this.#profiles.setUses(id, []);
  }

  #setItem(key: string, item: LabelledItem | undefined): void {
    if (item === undefined) this.#ipSets.deleteItem(key);
    else this.#ipSets.setItem(key, item);
  }

  #setPolicy(policy: PolicyName, model: PolicyModel | undefined): void {
    if (model === undefined) this.#policies.deletePolicy(policyIdOf(policy));
    else this.#policies.setPolicy(model);
  }

  #setProfile(name: string, stored: ProfileModel | undefined): void {
    // It is there whatever the store says.
    const model = stored ?? (name === defaultAllowProfile.name ? defaultAllowProfile : undefined);
    if (model === undefined) this.#profiles.deleteProfile(name);
    else this.#profiles.setProfile(model);
    const labels = model?.labels ?? new Map<string, string>();
    this.#ipSets.setProfileLabels(name, labels);
    this.#policies.setProfileLabels(name, labels);
  }

  #setTier(name: string, tier: TierModel | undefined): void {
    if (tier === undefined) this.#tiers.delete(name);
    else this.#tiers.set(tier);
    const isInTier = ({ tier: own }: PolicyModel): boolean => own === name;
    for (const id of this.#endpoints.ids())
      if (this.#policies.policiesOfWorkload(id).some(isInTier)) this.#endpoints.touch(id);
    for (const id of this.#hostEndpoints.ids())
      if (this.#policies.policiesOfHost(id).some(isInTier)) this.#hostEndpoints.touch(id);
  }
}

function isInvalidValue(error: unknown): error is Error {
  return (
    error instanceof ValidationError ||
    error instanceof SelectorError ||
    error instanceof NetParseError ||
    error instanceof ConversionError
  );
}
