import { decodeResource, parseResourceKey, parseWorkloadEndpointName, type Kind } from '@calico-node/model';
import { cidrContains, parseCidr, PrefixTrie, type Cidr, type IpAddress } from '@calico-node/net';
import type { StoreUpdate } from '../calc/calc-graph.ts';
import type { LabelledItem } from '../calc/ip-set-index.ts';

/** An end of a flow, as flows name it: what is alike has one name. */
export interface End {
  readonly type: 'workload' | 'host' | 'network-set' | 'network';
  /** `-` where it has none. */
  readonly namespace: string;
  readonly name: string;
  /** Absent of a network. */
  readonly item?: LabelledItem;
}

const kinds = ['WorkloadEndpoint', 'HostEndpoint', 'NetworkSet', 'GlobalNetworkSet'] as const satisfies readonly Kind[];
type EndKind = (typeof kinds)[number];

/** RFC 1918 3. */
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'].map(parseCidr);
const noNamespace = '-';

/** Endpoints and network sets by their addresses. */
export class Ends {
  readonly #items: () => ReadonlyMap<string, LabelledItem>;
  readonly #keys = new PrefixTrie<ReadonlySet<string>>();
  readonly #nets = new Map<string, readonly Cidr[]>();
  /** What flows call an endpoint where that is not in its key. */
  readonly #names = new Map<string, string>();

  /** @param items what the calculation has of them, by the store's keys. */
  constructor(items: () => ReadonlyMap<string, LabelledItem>) {
    this.#items = items;
  }

  /** Takes a change that the calculation has taken. */
  update({ key, value, revision }: StoreUpdate): void {
    const kind = kindOf(key);
    if (kind === undefined) return;
    const nets = value === undefined ? [] : (this.#items().get(key)?.nets ?? []);
    for (const net of this.#nets.get(key) ?? []) this.#change(net, (keys) => keys.delete(key));
    for (const net of nets) this.#change(net, (keys) => keys.add(key));
    if (nets.length === 0) this.#nets.delete(key);
    else this.#nets.set(key, nets);
    const name = value === undefined || nets.length === 0 ? undefined : nameIn(kind, value, revision);
    if (name === undefined) this.#names.delete(key);
    else this.#names.set(key, name);
  }

  /** The endpoint that has the address; else the narrowest network set that holds it; else a network. */
  at(ip: IpAddress): End {
    const holding = [...this.#keys.covering(ip)].reverse().flatMap(({ value }) => [...value].sort());
    const key = holding.find((each) => isEndpoint(each)) ?? holding[0];
    const item = key === undefined ? undefined : this.#items().get(key);
    if (key !== undefined && item !== undefined) return { ...this.#named(key), item };
    const isPrivate = privateNetworks.some((net) => cidrContains(net, ip));
    return { type: 'network', namespace: noNamespace, name: isPrivate ? 'pvt' : 'pub' };
  }

  /** All that hold the address. */
  membersAt(ip: IpAddress): LabelledItem[] {
    const items = this.#items();
    return [...this.#keys.covering(ip)].flatMap(({ value }) => [...value].flatMap((key) => items.get(key) ?? []));
  }

  #named(key: string): Omit<End, 'item'> {
    const { kind, name, namespace = noNamespace } = parseResourceKey(key) ?? { kind: '', name: key };
    const own = this.#names.get(key);
    if (kind === 'WorkloadEndpoint')
      return { type: 'workload', namespace, name: own ?? parseWorkloadEndpointName(name)?.workload ?? name };
    return { type: kind === 'HostEndpoint' ? 'host' : 'network-set', namespace, name: own ?? name };
  }

  #change(net: Cidr, change: (keys: Set<string>) => void): void {
    const keys = new Set(this.#keys.get(net));
    change(keys);
    if (keys.size === 0) this.#keys.delete(net);
    else this.#keys.set(net, keys);
  }
}

function kindOf(key: string): EndKind | undefined {
  const kind = parseResourceKey(key)?.kind;
  return kinds.find((each) => each === kind);
}

function isEndpoint(key: string): boolean {
  return kindOf(key)?.endsWith('Endpoint') === true;
}

/** Workloads that one controller makes have one name, and a host endpoint that of its host. */
function nameIn(kind: EndKind, value: string, revision: bigint): string | undefined {
  try {
    if (kind === 'HostEndpoint') return decodeResource(kind, value, revision).spec.node;
    if (kind !== 'WorkloadEndpoint' || !value.includes('"generateName"')) return undefined;
    const { generateName = '' } = decodeResource(kind, value, revision).metadata;
    return generateName === '' ? undefined : `${generateName}*`;
  } catch {
    // The calculation has warned of it, and has what was there before.
    return undefined;
  }
}
