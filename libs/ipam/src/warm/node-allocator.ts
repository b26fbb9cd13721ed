/*
 * A node's addresses in one round trip. Blocks that are the node's are kept in memory with their revisions,
 * as are the settings that allocations depend on. A batch of requests is drawn up on them and committed in
 * one transaction that writes each block once and each handle, and that holds only if nothing of what it was
 * drawn from has changed. So memory is never trusted: what it got wrong costs another round trip.
 *
 * The objects written, and the sequence numbers in them, are what one writer after another would leave;
 * no reader can tell the difference (Calico's documented IPAM behaviour), except that a handle is never seen
 * without its addresses.
 */
import type { Backend, CallOptions, Commit, KeyValue } from '@calico-node/datastore';
import {
  affinityPrefix,
  blockKey,
  decodeAffinity,
  decodeBlock,
  decodeHandle,
  handleKey,
  parseAffinityKey,
  type IpamHandle,
} from '@calico-node/model';
import type { Cidr } from '@calico-node/net';
import { hostAffinity } from '../block.ts';
import { systemClock, type Clock } from '../clock.ts';
import type { Stored } from '../store.ts';
import { absent, BlockClaims } from './block-claims.ts';
import { commitOf, fitsOneCommit, raised } from './commit.ts';
import { Draft, type OwnBlock } from './draft.ts';
import { mayBeCreated } from './new-endpoint.ts';
import { loadReference, type Reference } from './reference.ts';
import { unserved, type WarmAssign, type WarmOutcome, type WarmRequest } from './requests.ts';

/** How many requests one transaction carries at most: each has a guard and a change, besides blocks and settings. */
export const maxBatch = 96;

/** How many handles are remembered, so that their release needs no reading. */
const maxHandles = 4096;

/** How often a batch is drawn up again before its requests are left to others. */
const attempts = 4;

interface Memory {
  readonly reference: Reference;
  readonly blocks: Map<Cidr, OwnBlock>;
  /** Whether `blocks` are all that the node has begun to claim: if not, something half done comes before a new claim. */
  readonly isWhole: boolean;
  /** Blocks that others were found to have. */
  readonly taken: Set<Cidr>;
}

export interface NodeAllocatorOptions {
  /** How long one call to the store may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** For tests. */
  readonly clock?: Clock;
}

/** Serves requests from one node's own blocks. One batch at a time; the caller sees to that. */
export class NodeAllocator {
  readonly #backend: Backend;
  readonly #nodeName: string;
  readonly #options: CallOptions;
  readonly #clock: Clock;
  readonly #handles = new Map<string, Stored<IpamHandle>>();
  #knowledge: Memory | undefined;

  constructor(backend: Backend, nodeName: string, options: NodeAllocatorOptions = {}) {
    this.#backend = backend;
    this.#nodeName = nodeName;
    this.#options = { timeoutMs: options.timeoutMs };
    this.#clock = options.clock ?? systemClock();
  }

  /** Somebody else has, or may have, changed the node's blocks: read them again before they are used. */
  forget(): void {
    this.#knowledge = undefined;
  }

  /**
   * Serves what can be served from the node's own blocks and from blocks that nobody has, which it claims in the same
   * step, all in one transaction; the outcomes are in the requests' order. At most `maxBatch` requests, no handle twice.
   * @throws DatastoreError `unavailable`: what was asked for may have been done.
   */
  async serve(requests: readonly WarmRequest[]): Promise<readonly WarmOutcome[]> {
    if (this.#backend.commit === undefined) return requests.map(() => unserved);
    try {
      await this.#readHandles(requests);
      return await this.#serveKnown(requests);
    } catch (error) {
      this.forget();
      this.#handles.clear();
      throw error;
    }
  }

  /**
   * Gets ready for the next requests: reads the node's blocks if they are not known, and claims the block that a request
   * like the one given would have to claim. Not where affinity is strict: nobody could borrow from the block. Not while
   * a batch is served.
   * @throws DatastoreError
   */
  async prepare(next: WarmAssign | undefined): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      this.#knowledge ??= await this.#load();
      const { reference } = this.#knowledge;
      const draft = this.#newDraft(this.#knowledge);
      if (next !== undefined && reference.config.strict_affinity !== true) draft.claimFor(next);
      if (draft.blocks.size === 0) return;
      if ((await this.#commit(draft, commitOf(draft, reference, this.#nodeName), new Set())) !== undefined) return;
    }
  }

  async #serveKnown(requests: readonly WarmRequest[]): Promise<readonly WarmOutcome[]> {
    /** Whose endpoint cannot be created: they get their addresses without. */
    const refused = new Set<string>();
    for (let attempt = 0; attempt < attempts; attempt++) {
      this.#knowledge ??= await this.#load();
      const { draft, outcomes } = this.#draw(requests, this.#knowledge, refused);
      if (draft.handles.size === 0) return outcomes;
      const commit = commitOf(draft, this.#knowledge.reference, this.#nodeName);
      if (!fitsOneCommit(commit) && requests.length > 1) {
        const half = Math.ceil(requests.length / 2);
        const first = await this.#serveKnown(requests.slice(0, half));
        return [...first, ...(await this.#serveKnown(requests.slice(half)))];
      }
      const revision = await this.#commit(draft, commit, refused);
      if (revision === undefined) continue;
      return requests.map(({ handleId }, index) => {
        const outcome = outcomes[index] ?? unserved;
        const hasEndpoint = outcome.type === 'assigned' && draft.endpoints.has(handleId);
        return hasEndpoint ? { ...outcome, endpointRevision: revision } : outcome;
      });
    }
    return requests.map(() => unserved);
  }

  /** The revision that it made; undefined when it does not hold: memory is as the store by then, or given up. */
  async #commit(draft: Draft, commit: Commit, refused: Set<string>): Promise<bigint | undefined> {
    const result = await this.#backend.commit?.(commit, this.#options);
    if (result?.isCommitted === true) {
      this.#remember(draft, result.revision);
      return result.revision;
    }
    if (result === undefined || !this.#correct(draft, result.current, refused)) this.forget();
    return undefined;
  }

  /**
   * Draws up what requests would change: assignments first, so that no address changes hands within a batch.
   * Who asks again with a handle that is stored is not served from here.
   */
  #draw(
    requests: readonly WarmRequest[],
    knowledge: Memory,
    refused: ReadonlySet<string>,
  ): { readonly draft: Draft; readonly outcomes: readonly WarmOutcome[] } {
    const draft = this.#newDraft(knowledge);
    const outcomes: WarmOutcome[] = requests.map(() => unserved);
    for (const [index, request] of requests.entries()) {
      if (request.type !== 'assign' || this.#handles.has(request.handleId)) continue;
      const isRefused = refused.has(request.handleId);
      outcomes[index] = draft.assign(request, isRefused ? undefined : request.endpoint);
    }
    for (const [index, request] of requests.entries()) {
      if (request.type !== 'release') continue;
      const stored = this.#handles.get(request.handleId);
      outcomes[index] = stored === undefined ? { type: 'released', ips: [] } : draft.release(request.handleId, stored);
    }
    return { draft, outcomes };
  }

  #newDraft({ reference, blocks, isWhole, taken }: Memory): Draft {
    const cooldown = { seconds: reference.config.ipCooldownSeconds ?? 0, now: this.#clock.now() };
    const claims = isWhole ? new BlockClaims(this.#nodeName, reference, taken, this.#clock) : undefined;
    return new Draft(blocks, claims, reference, this.#nodeName, cooldown);
  }

  #remember(draft: Draft, revision: bigint): void {
    const blocks = this.#knowledge?.blocks;
    for (const [cidr, { drawnFrom, block }] of draft.blocks) {
      const affinityRevision = drawnFrom.affinityRevision === absent ? revision : drawnFrom.affinityRevision;
      blocks?.set(cidr, { value: raised(block), revision, affinityRevision });
    }
    for (const [id, change] of draft.handles) {
      this.#handles.delete(id);
      if (change.type === 'create') this.#handles.set(id, { value: change.handle, revision });
    }
    for (const id of this.#handles.keys()) {
      if (this.#handles.size <= maxHandles) break;
      this.#handles.delete(id);
    }
  }

  /** Takes over what a failed commit read. Gives whether that explains the failure. */
  #correct(draft: Draft, current: ReadonlyMap<string, KeyValue>, refused: Set<string>): boolean {
    let isExplained = false;
    for (const [handleId, endpoint] of draft.endpoints) {
      if (mayBeCreated(endpoint, current)) continue;
      isExplained = true;
      refused.add(handleId);
    }
    for (const [cidr, { drawnFrom }] of draft.blocks) {
      const found = current.get(blockKey(cidr));
      if ((found?.revision ?? absent) === drawnFrom.revision) continue;
      const value = found === undefined ? undefined : decodeBlock(found.value);
      const isOwn = value?.affinity === hostAffinity(this.#nodeName);
      if (drawnFrom.revision === absent) {
        // A block of the node's own without an affinity was left half done.
        if (isOwn) return false;
        this.#knowledge?.taken.add(cidr);
      } else if (found !== undefined && isOwn) {
        this.#knowledge?.blocks.set(cidr, { ...drawnFrom, value, revision: found.revision });
      } else this.#knowledge?.blocks.delete(cidr);
      isExplained = true;
    }
    for (const [id, change] of draft.handles) {
      const found = current.get(handleKey(id));
      if (found?.revision === (change.type === 'create' ? undefined : change.revision)) continue;
      isExplained = true;
      if (found === undefined) this.#handles.delete(id);
      else this.#handles.set(id, { value: decodeHandle(found.value), revision: found.revision });
    }
    return isExplained;
  }

  /** Reads the handles to be released that are not known. */
  async #readHandles(requests: readonly WarmRequest[]): Promise<void> {
    await Promise.all(
      requests.map(async ({ type, handleId }) => {
        if (type !== 'release' || this.#handles.has(handleId)) return;
        const found = await this.#backend.get(handleKey(handleId), this.#options);
        if (found !== undefined) {
          this.#handles.set(handleId, { value: decodeHandle(found.value), revision: found.revision });
        }
      }),
    );
  }

  async #load(): Promise<Memory> {
    const [reference, { items }] = await Promise.all([
      loadReference(this.#backend, this.#nodeName, this.#options),
      this.#backend.list(affinityPrefix('host', this.#nodeName), this.#options),
    ]);
    const found = await Promise.all(
      items.map(async ({ key, value, revision: affinityRevision }) => {
        const cidr = parseAffinityKey(key)?.cidr;
        if (cidr === undefined || decodeAffinity(value).state !== 'confirmed') return [];
        const stored = await this.#backend.get(blockKey(cidr), this.#options);
        const block = stored === undefined ? undefined : decodeBlock(stored.value);
        if (stored === undefined || block?.affinity !== hostAffinity(this.#nodeName)) return [];
        if (reference.reservations.around(cidr) !== undefined) return [];
        return [[cidr, { value: block, revision: stored.revision, affinityRevision }] as const];
      }),
    );
    const blocks = new Map(found.flat());
    return { reference, blocks, isWhole: blocks.size === items.length, taken: new Set() };
  }
}
