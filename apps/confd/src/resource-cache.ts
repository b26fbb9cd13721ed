import {
  affinityPrefix,
  decodeAffinity,
  decodeResource,
  parseAffinityKey,
  parseResourceKey,
  resourcePrefix,
  type BGPConfiguration,
  type BGPFilter,
  type BGPPeer,
  type IPPool,
  type Node,
} from '@calico-node/model';
import type { BgpResources, BlockClaim } from './derive/resources.ts';

/** One change of the store: a value, or none where the key was deleted. */
export interface StoreUpdate {
  readonly key: string;
  readonly value: string | undefined;
  readonly revision: bigint;
}

/** A value that could not be read. Its key counts as absent. */
export interface UnreadableValue {
  readonly key: string;
  readonly error: unknown;
}

/** The kinds that a BGP configuration is rendered from. */
const KINDS = ['Node', 'BGPConfiguration', 'BGPPeer', 'BGPFilter', 'IPPool'] as const;

/** The store's prefixes that a node's BGP configuration depends on. */
export function watchedPrefixes(nodeName: string): string[] {
  return [...KINDS.map((kind) => resourcePrefix(kind)), affinityPrefix('host', nodeName)];
}

const none: readonly never[] = [];

/** Resources of one kind by their keys. */
class Collection<R> {
  readonly #byKey = new Map<string, R>();
  #list: readonly R[] | undefined;

  set(key: string, resource: R): void {
    this.#byKey.set(key, resource);
    this.#list = undefined;
  }

  delete(key: string): void {
    if (this.#byKey.delete(key)) this.#list = undefined;
  }

  /** The same list until something changes. */
  list(): readonly R[] {
    return (this.#list ??= [...this.#byKey.values()]);
  }
}

/** What the store holds below {@link watchedPrefixes}, decoded. */
export class ResourceCache {
  readonly #nodes = new Collection<Node>();
  readonly #configurations = new Collection<BGPConfiguration>();
  readonly #peers = new Collection<BGPPeer>();
  readonly #filters = new Collection<BGPFilter>();
  readonly #pools = new Collection<IPPool>();
  readonly #blocks = new Collection<BlockClaim>();

  /** Takes changes in the order of their revisions; gives back those whose value can't be read. */
  apply(updates: readonly StoreUpdate[]): readonly UnreadableValue[] {
    const unreadable: UnreadableValue[] = [];
    for (const update of updates) {
      try {
        this.#applyOne(update);
      } catch (error) {
        this.#forget(update.key);
        unreadable.push({ key: update.key, error });
      }
    }
    return unreadable;
  }

  /**
   * All that it holds, in lists that are the same while nothing of their kind changes; no services, which the store does
   * not have, and no workloads, which it is not told of.
   */
  resources(): BgpResources {
    return {
      nodes: this.#nodes.list(),
      configurations: this.#configurations.list(),
      peers: this.#peers.list(),
      filters: this.#filters.list(),
      pools: this.#pools.list(),
      blocks: this.#blocks.list(),
      workloads: none,
      services: none,
    };
  }

  #applyOne({ key, value, revision }: StoreUpdate): void {
    if (value === undefined) {
      this.#forget(key);
      return;
    }
    const affinity = parseAffinityKey(key);
    if (affinity !== undefined) {
      this.#blocks.set(key, { cidr: affinity.cidr, state: decodeAffinity(value).state });
      return;
    }
    const kind = parseResourceKey(key)?.kind;
    switch (kind) {
      case 'Node':
        this.#nodes.set(key, decodeResource(kind, value, revision));
        return;
      case 'BGPConfiguration':
        this.#configurations.set(key, decodeResource(kind, value, revision));
        return;
      case 'BGPPeer':
        this.#peers.set(key, decodeResource(kind, value, revision));
        return;
      case 'BGPFilter':
        this.#filters.set(key, decodeResource(kind, value, revision));
        return;
      case 'IPPool':
        this.#pools.set(key, decodeResource(kind, value, revision));
        return;
      default:
    }
  }

  #forget(key: string): void {
    const all = [this.#nodes, this.#configurations, this.#peers, this.#filters, this.#pools, this.#blocks];
    for (const collection of all) collection.delete(key);
  }
}
