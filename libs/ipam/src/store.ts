import type { Backend, CallOptions, KeyValue } from '@calico-node/datastore';
import { isDatastoreError } from '@calico-node/datastore';
import {
  affinityKey,
  affinityPrefix,
  blockKey,
  blockPrefix,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  decodeResource,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  handleKey,
  ipamConfigKey,
  parseAffinityKey,
  resourceKey,
  resourcePrefix,
  type AllocationBlock,
  type BlockAffinity,
  type IpamConfig,
  type IpamHandle,
  type Kind,
  type Resource,
} from '@calico-node/model';
import { tryParseCidr, type Cidr, type Family } from '@calico-node/net';
import { collectReleased, type Cooldown } from './block.ts';
import { toPool, type Pool } from './pools.ts';
import { parseReservedCidrs, reservationPrefix, Reservations } from './reservations.ts';

/** An object with the revision that a write of it must name. */
export interface Stored<T> {
  readonly value: T;
  readonly revision: bigint;
}

/** Who a block belongs to: a node, or the cluster's load balancer addresses. */
export interface Host {
  readonly type: 'host' | 'virtual';
  readonly name: string;
}

/** Who all load balancer addresses' blocks belong to. */
export const loadBalancer: Host = { type: 'virtual', name: 'load-balancer' };

/** What holds when no IPAM configuration is stored. */
export const defaultIpamConfig: IpamConfig = { strict_affinity: false, auto_allocate_blocks: true };

/** The text by which a block names its host. */
export function affinityText(host: Host): string {
  return `${host.type}:${host.name}`;
}

/**
 * IPAM's objects in the store, typed. Every write is a compare-and-swap and throws `DatastoreError`
 * (`conflict`, `already-exists`, `not-found`) when somebody else was faster.
 */
export class IpamStore {
  readonly #backend: Backend;
  readonly #options: CallOptions;
  readonly #now: () => number;

  constructor(backend: Backend, options: CallOptions, now: () => number) {
    this.#backend = backend;
    this.#options = options;
    this.#now = now;
  }

  async block(cidr: Cidr, config: IpamConfig): Promise<Stored<AllocationBlock> | undefined> {
    const found = await this.#backend.get(blockKey(cidr), this.#options);
    return found === undefined ? undefined : this.#readBlock(found, config);
  }

  /** Every block of a family, in key order; those that cannot be read are left out. */
  async blocks(family: Family, config: IpamConfig): Promise<readonly Stored<AllocationBlock>[]> {
    const { items } = await this.#backend.list(blockPrefix(family), this.#options);
    return items.flatMap((item) => {
      try {
        return [this.#readBlock(item, config)];
      } catch {
        return [];
      }
    });
  }

  /** What has rested long enough counts as free in every block read. */
  #readBlock(found: KeyValue, config: IpamConfig): Stored<AllocationBlock> {
    const block = decodeBlock(found.value);
    return { value: collectReleased(block, this.cooldown(config)), revision: found.revision };
  }

  async createBlock(block: AllocationBlock): Promise<Stored<AllocationBlock>> {
    const written = await this.#backend.create(blockKey(block.cidr), encodeBlock(block), this.#options);
    return { value: block, revision: written.revision };
  }

  /** Writes a changed block; every update raises its sequence number by one. */
  async updateBlock(block: AllocationBlock, revision: bigint): Promise<Stored<AllocationBlock>> {
    const value = { ...block, sequenceNumber: block.sequenceNumber + 1n };
    const written = await this.#backend.update(blockKey(block.cidr), encodeBlock(value), revision, this.#options);
    return { value, revision: written.revision };
  }

  /** Whether {@link writeTogether} can be used. */
  get writesTogether(): boolean {
    return this.#backend.commit !== undefined;
  }

  /**
   * Writes a changed block and a handle as one, or, when either is not at its revision any more, nothing; then
   * it gives both as they are now. No other writer can come between more than once per call.
   */
  async writeTogether(
    block: AllocationBlock,
    blockRevision: bigint,
    id: string,
    handle: IpamHandle,
    handleRevision: bigint | undefined,
    config: IpamConfig,
  ): Promise<'written' | { block: Stored<AllocationBlock> | undefined; handle: Stored<IpamHandle> | undefined }> {
    const keys = { block: blockKey(block.cidr), handle: handleKey(id) };
    const value = { ...block, sequenceNumber: block.sequenceNumber + 1n };
    const result = await this.#backend.commit?.(
      {
        guards: [
          { type: 'key', key: keys.block, revision: blockRevision },
          { type: 'key', key: keys.handle, revision: handleRevision ?? 0n },
        ],
        changes: [
          { type: 'put', key: keys.block, value: encodeBlock(value) },
          { type: 'put', key: keys.handle, value: encodeHandle(handle) },
        ],
        otherwiseRead: [keys.block, keys.handle],
      },
      this.#options,
    );
    if (result?.isCommitted === true) return 'written';
    const found = { block: result?.current.get(keys.block), handle: result?.current.get(keys.handle) };
    return {
      block: found.block && this.#readBlock(found.block, config),
      handle: found.handle && { value: decodeHandle(found.handle.value), revision: found.handle.revision },
    };
  }

  async deleteBlock(cidr: Cidr, revision: bigint): Promise<void> {
    await this.#backend.delete(blockKey(cidr), revision, this.#options);
  }

  async affinity(host: Host, cidr: Cidr): Promise<Stored<BlockAffinity> | undefined> {
    const found = await this.#backend.get(affinityKey(host.type, host.name, cidr), this.#options);
    return found === undefined ? undefined : { value: decodeAffinity(found.value), revision: found.revision };
  }

  /** The blocks that a host has an affinity to, in any state, in key order. */
  async affinities(host: Host, family?: Family): Promise<readonly Cidr[]> {
    const { items } = await this.#backend.list(affinityPrefix(host.type, host.name, family), this.#options);
    return items.flatMap(({ key }) => parseAffinityKey(key)?.cidr ?? []);
  }

  /** Every affinity that anybody has, in any state. */
  async allAffinities(): Promise<readonly { readonly host: Host; readonly cidr: Cidr }[]> {
    const lists = await Promise.all(
      (['host', 'virtual'] as const).map((type) => this.#backend.list(affinityPrefix(type), this.#options)),
    );
    return lists.flatMap(({ items }) =>
      items.flatMap(({ key }) => {
        const parsed = parseAffinityKey(key);
        return parsed === undefined ? [] : [{ host: { type: parsed.type, name: parsed.host }, cidr: parsed.cidr }];
      }),
    );
  }

  async createAffinity(host: Host, cidr: Cidr, state: BlockAffinity['state']): Promise<Stored<BlockAffinity>> {
    const value: BlockAffinity = { state, deleted: false };
    const key = affinityKey(host.type, host.name, cidr);
    const written = await this.#backend.create(key, encodeAffinity(value), this.#options);
    return { value, revision: written.revision };
  }

  async updateAffinity(
    host: Host,
    cidr: Cidr,
    state: BlockAffinity['state'],
    revision: bigint,
  ): Promise<Stored<BlockAffinity>> {
    const value: BlockAffinity = { state, deleted: false };
    const key = affinityKey(host.type, host.name, cidr);
    const written = await this.#backend.update(key, encodeAffinity(value), revision, this.#options);
    return { value, revision: written.revision };
  }

  /** Deletes an affinity; that it is gone already is well. */
  async deleteAffinity(host: Host, cidr: Cidr, revision: bigint): Promise<void> {
    try {
      await this.#backend.delete(affinityKey(host.type, host.name, cidr), revision, this.#options);
    } catch (error) {
      if (!isDatastoreError(error, 'not-found')) throw error;
    }
  }

  async handle(id: string): Promise<Stored<IpamHandle> | undefined> {
    const found = await this.#backend.get(handleKey(id), this.#options);
    return found === undefined ? undefined : { value: decodeHandle(found.value), revision: found.revision };
  }

  /** Creates, updates or (when it counts nothing) deletes a handle; `revision` is of the one read before. */
  async writeHandle(id: string, handle: IpamHandle, revision: bigint | undefined): Promise<void> {
    const key = handleKey(id);
    if (revision === undefined) await this.#backend.create(key, encodeHandle(handle), this.#options);
    else if (Object.keys(handle.block).length === 0) await this.#backend.delete(key, revision, this.#options);
    else await this.#backend.update(key, encodeHandle(handle), revision, this.#options);
  }

  /** The cluster's IPAM configuration; Calico's defaults when none is stored. */
  async config(): Promise<IpamConfig> {
    const found = await this.#backend.get(ipamConfigKey, this.#options);
    return found === undefined ? defaultIpamConfig : decodeIpamConfig(found.value);
  }

  /** Every pool, in name order, also disabled ones; those that cannot be read are left out. */
  async pools(): Promise<readonly Pool[]> {
    return (await this.#resources('IPPool')).flatMap((resource) =>
      tryParseCidr(resource.spec.cidr) === undefined ? [] : [toPool(resource)],
    );
  }

  async reservations(): Promise<Reservations> {
    const { items } = await this.#backend.list(reservationPrefix, this.#options);
    return new Reservations(items.flatMap(({ value }) => parseReservedCidrs(value)));
  }

  /** A node's labels; nothing when the node does not exist. */
  async nodeLabels(name: string): Promise<Readonly<Record<string, string>> | undefined> {
    const found = await this.#backend.get(resourceKey('Node', name), this.#options);
    return found === undefined
      ? undefined
      : (decodeResource('Node', found.value, found.revision).metadata.labels ?? {});
  }

  /** A namespace's labels as its profile `kns.<namespace>` carries them; none when there is no such profile. */
  async namespaceLabels(namespace: string): Promise<Readonly<Record<string, string>>> {
    const found = await this.#backend.get(resourceKey('Profile', `kns.${namespace}`), this.#options);
    if (found === undefined) return {};
    const { spec } = decodeResource('Profile', found.value, found.revision);
    const labels = Object.entries(spec.labelsToApply ?? {});
    return Object.fromEntries(
      labels.flatMap(([name, value]) => (name.startsWith('pcns.') ? [[name.slice('pcns.'.length), value]] : [])),
    );
  }

  /** How long released addresses rest, and what time it is. */
  cooldown(config: IpamConfig): Cooldown {
    return { seconds: config.ipCooldownSeconds ?? 0, now: this.#now() };
  }

  async #resources<K extends Kind>(kind: K): Promise<readonly Resource<K>[]> {
    const { items } = await this.#backend.list(resourcePrefix(kind), this.#options);
    return items.flatMap((item) => {
      try {
        return [decodeResource(kind, item.value, item.revision)];
      } catch {
        return [];
      }
    });
  }
}
