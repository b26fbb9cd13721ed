/**
 * The content of every IP set that an active rule refers to.
 *
 * Items are everything that has labels and addresses: workload endpoints of all hosts, host endpoints,
 * network sets. A set exists as long as something retains it; its members follow its selector through
 * the label index.
 */
import { splitCidr, type Cidr } from '@calico-node/net';
import { Announcer } from './announcer.ts';
import type { IpSetDelta, IpSetRemove, IpSetUpdate } from './intents.ts';
import { EndpointSlices, sliceAddresses, slicePorts, type EndpointSlice } from './endpoint-slices.ts';
import { ipPortMember, serviceSetId, type IpPortMember, type IpSetId, type NamedPortProtocol } from './ip-set.ts';
import { setKindOf, type IpSetDefinition } from './ip-set-definition.ts';
import { LabelClasses, type Labelled } from './label-classes.ts';
import type { LabelMap, MatchingWork } from './label-matcher.ts';
import { SetMembers } from './set-members.ts';

/** A thing that selectors can select. */
export interface LabelledItem extends Labelled {
  readonly nets: readonly Cidr[];
  readonly ports: readonly NamedPort[];
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: NamedPortProtocol;
  readonly port: number;
}

type Member = Cidr | IpPortMember;

interface ActiveSet {
  readonly definition: IpSetDefinition;
  readonly members: SetMembers<Member>;
  users: number;
}

export class IpSetIndex {
  readonly #sets = new Map<IpSetId, ActiveSet>();
  readonly #slices = new EndpointSlices();
  #serviceSets = 0;
  readonly #items = new Map<string, LabelledItem>();
  readonly #changed = new Announcer<IpSetId>();
  readonly #index = new LabelClasses<IpSetId, LabelledItem>({
    matchStarted: (setId, item) => {
      this.#contribute(setId, item, 'add');
    },
    matchStopped: (setId, item) => {
      this.#contribute(setId, item, 'remove');
    },
  });

  /** Everything that selectors can select, by the store's keys. */
  get items(): ReadonlyMap<string, LabelledItem> {
    return this.#items;
  }

  /** What a set of networks holds as of now; nothing when there is no such set. */
  networksOf(id: IpSetId): Iterable<Cidr> {
    const set = this.#sets.get(id);
    if (set === undefined || setKindOf(set.definition) !== 'net') return [];
    return set.members.values() as Iterable<Cidr>;
  }

  /** Selectors that some active rule asks for. */
  get selectorCount(): number {
    let count = 0;
    for (const { definition } of this.#sets.values()) if ('selector' in definition) count += 1;
    return count;
  }

  /** Of them those that ask for no label. */
  get unfiledSelectorCount(): number {
    return this.#index.unfiledCount;
  }

  get matchingWork(): MatchingWork {
    return this.#index.work;
  }

  /** Whether some active rule asks for services' endpoints. */
  get asksForServices(): boolean {
    return this.#serviceSets > 0;
  }

  /** Adds a user of the set; the first one makes it exist. */
  retain(definition: IpSetDefinition): void {
    const set = this.#sets.get(definition.id) ?? { definition, members: new SetMembers(), users: 0 };
    this.#sets.set(definition.id, set);
    if (++set.users > 1) return;
    this.#changed.touch(definition.id);
    if ('selector' in definition) this.#index.setSelector(definition.id, definition.selector);
    if (!('service' in definition)) return;
    this.#serviceSets += 1;
    this.#contributeSlices(definition.service, definition.id, 'add');
  }

  /**
   * Takes one user away; after the last the set is gone. It stays here until that has been told, so that a
   * set that comes back before then is announced as a change and not anew.
   */
  release({ id }: IpSetDefinition): void {
    const set = this.#sets.get(id);
    if (set === undefined || --set.users > 0) return;
    this.#index.deleteSelector(id);
    if ('service' in set.definition) {
      this.#serviceSets -= 1;
      this.#contributeSlices(set.definition.service, id, 'remove');
    }
    this.#changed.touch(id);
  }

  /** Adds networks to, or takes them from, a retained set that has no selector. */
  changeFixed(id: IpSetId, added: readonly Cidr[], removed: readonly Cidr[]): void {
    const set = this.#sets.get(id);
    if (set === undefined) return;
    for (const cidr of added) set.members.add(cidr);
    for (const cidr of removed) set.members.remove(cidr);
    if (set.members.hasChanges) this.#changed.touch(id);
  }

  /** Sets some of a service's endpoints, or takes them away. */
  setSlice(id: string, slice: EndpointSlice | undefined): void {
    const old = this.#slices.set(id, slice);
    for (const withPorts of [true, false]) {
      if (slice !== undefined) this.#contributeSlice(serviceSetId(slice.service, withPorts), slice, 'add');
      if (old !== undefined) this.#contributeSlice(serviceSetId(old.service, withPorts), old, 'remove');
    }
  }

  /** The endpoints of the service. */
  slicesOf(service: string): Iterable<EndpointSlice> {
    return this.#slices.of(service);
  }

  setItem(id: string, item: LabelledItem): void {
    const old = this.#items.get(id);
    if (old !== undefined) {
      for (const setId of this.#index.selectorsOf(old)) {
        this.#contribute(setId, item, 'add');
        this.#contribute(setId, old, 'remove');
      }
    }
    this.#items.set(id, item);
    this.#index.add(item, old);
  }

  deleteItem(id: string): void {
    const old = this.#items.get(id);
    if (old === undefined) return;
    this.#index.delete(old);
    this.#items.delete(id);
  }

  setProfileLabels(profile: string, labels: LabelMap): void {
    this.#index.setProfile(profile, labels);
  }

  /** What changed since the last call: sets that are new or have other members, and sets that are gone. */
  takeChanges(): {
    readonly updates: readonly (IpSetUpdate | IpSetDelta)[];
    readonly removals: readonly IpSetRemove[];
  } {
    return this.#changed.take<IpSetUpdate | IpSetDelta, IpSetRemove>(
      (id, isAnnounced) => {
        const set = this.#sets.get(id);
        if (set === undefined) return 'gone';
        if (set.users === 0) {
          this.#sets.delete(id);
          return 'gone';
        }
        if (!isAnnounced) return updateOf(set);
        return set.members.hasChanges ? deltaOf(set) : 'unchanged';
      },
      (id) => ({ type: 'ip-set-remove', id }),
    );
  }

  #contributeSlices(service: string, setId: IpSetId, operation: 'add' | 'remove'): void {
    for (const slice of this.#slices.of(service)) this.#contributeSlice(setId, slice, operation);
  }

  #contributeSlice(setId: IpSetId, slice: EndpointSlice, operation: 'add' | 'remove'): void {
    const set = this.#sets.get(setId);
    if (set === undefined || (set.users === 0 && operation === 'add')) return;
    const members = setKindOf(set.definition) === 'net' ? sliceAddresses(slice) : slicePorts(slice);
    for (const member of members) set.members[operation](member);
    this.#changed.touch(setId);
  }

  #contribute(setId: IpSetId, item: LabelledItem, operation: 'add' | 'remove'): void {
    const set = this.#sets.get(setId);
    if (set === undefined) return;
    for (const member of contributionOf(item, set.definition)) set.members[operation](member);
    if (set.members.hasChanges) this.#changed.touch(setId);
  }
}

function contributionOf({ nets, ports }: LabelledItem, definition: IpSetDefinition): readonly Member[] {
  switch (definition.content) {
    case 'addresses':
      return nets;
    case 'named-port': {
      const named = ports.filter(({ name, protocol }) => name === definition.port && protocol === definition.protocol);
      return named.flatMap(({ protocol, port }) =>
        nets.map((cidr) => ipPortMember(splitCidr(cidr).ip, protocol, port)),
      );
    }
    case 'service-ports':
    case 'service-addresses':
    case 'fixed':
      return [];
  }
}

// A set's members are all of the sort that its definition calls for: `contributionOf` makes no others.

function updateOf({ definition, members }: ActiveSet): IpSetUpdate {
  const { id } = definition;
  const all = members.takeAll();
  return setKindOf(definition) === 'net'
    ? { type: 'ip-set-update', id, kind: 'net', members: all as readonly Cidr[] }
    : { type: 'ip-set-update', id, kind: 'ip-port', members: all as readonly IpPortMember[] };
}

function deltaOf({ definition, members }: ActiveSet): IpSetDelta {
  const { id } = definition;
  const { added, removed } = members.takeChanges();
  return setKindOf(definition) === 'net'
    ? { type: 'ip-set-delta', id, kind: 'net', added: added as readonly Cidr[], removed: removed as readonly Cidr[] }
    : {
        type: 'ip-set-delta',
        id,
        kind: 'ip-port',
        added: added as readonly IpPortMember[],
        removed: removed as readonly IpPortMember[],
      };
}
