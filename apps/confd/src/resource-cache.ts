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

/** What the store holds below {@link watchedPrefixes}, decoded. */
export class ResourceCache {
  readonly #nodes = new Map<string, Node>();
  readonly #configurations = new Map<string, BGPConfiguration>();
  readonly #peers = new Map<string, BGPPeer>();
  readonly #filters = new Map<string, BGPFilter>();
  readonly #pools = new Map<string, IPPool>();
  readonly #blocks = new Map<string, BlockClaim>();

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

  /** All that it holds; no services, which the store does not have, and no workloads, which it is not told of. */
  resources(): BgpResources {
    return {
      nodes: [...this.#nodes.values()],
      configurations: [...this.#configurations.values()],
      peers: [...this.#peers.values()],
      filters: [...this.#filters.values()],
      pools: [...this.#pools.values()],
      blocks: [...this.#blocks.values()],
      workloads: [],
      services: [],
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
    for (const map of [this.#nodes, this.#configurations, this.#peers, this.#filters, this.#pools, this.#blocks]) {
      map.delete(key);
    }
  }
}
