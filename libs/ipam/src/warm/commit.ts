import { maxCommitSize, type Change, type Commit, type Guard } from '@calico-node/datastore';
import { affinityKey, blockKey, encodeBlock, encodeHandle, encodeResource, handleKey } from '@calico-node/model';
import type { AllocationBlock } from '@calico-node/model';
import type { Cidr } from '@calico-node/net';
import type { Draft, OwnBlock } from './draft.ts';
import { endpointKey } from './new-endpoint.ts';
import type { Reference } from './reference.ts';

/** What a draft is drawn from. */
export interface Knowledge {
  readonly reference: Reference;
  readonly blocks: ReadonlyMap<Cidr, OwnBlock>;
}

/** Every write of a block raises its sequence number by one. */
export function raised(block: AllocationBlock): AllocationBlock {
  return { ...block, sequenceNumber: block.sequenceNumber + 1n };
}

function atRevision(key: string, revision: bigint): Guard {
  return { type: 'key', key, revision };
}

function guardsOf(draft: Draft, { reference, blocks }: Knowledge, nodeName: string): readonly Guard[] {
  const guards: Guard[] = [...reference.guards(draft.pools)];
  for (const cidr of draft.blocks.keys()) {
    const block = blocks.get(cidr);
    if (block === undefined) continue;
    guards.push(atRevision(blockKey(cidr), block.revision));
    guards.push(atRevision(affinityKey('host', nodeName, cidr), block.affinityRevision));
  }
  for (const [id, change] of draft.handles) {
    guards.push(atRevision(handleKey(id), change.type === 'create' ? 0n : change.revision));
  }
  // The endpoints of a batch mostly have the same premises.
  const premises = new Map<string, Guard>();
  for (const { endpoint, premises: own } of draft.endpoints.values()) {
    guards.push(atRevision(endpointKey(endpoint), 0n));
    for (const { key, revision } of own) premises.set(`${key} ${revision}`, atRevision(key, revision));
  }
  return [...guards, ...premises.values()];
}

function changesOf({ blocks, handles, endpoints }: Draft): readonly Change[] {
  return [
    ...[...blocks].map(([cidr, block]) => ({
      type: 'put' as const,
      key: blockKey(cidr),
      value: encodeBlock(raised(block)),
    })),
    ...[...handles].map(([id, change]) =>
      change.type === 'create'
        ? { type: 'put' as const, key: handleKey(id), value: encodeHandle(change.handle) }
        : { type: 'delete' as const, key: handleKey(id) },
    ),
    ...[...endpoints.values()].map(({ endpoint }) => ({
      type: 'put' as const,
      key: endpointKey(endpoint),
      value: encodeResource(endpoint),
    })),
  ];
}

/** The keys that tell why a commit did not happen. */
function keysOf({ blocks, handles, endpoints }: Draft): readonly string[] {
  const ofEndpoints = [...endpoints.values()].flatMap(({ endpoint, premises }) => [
    endpointKey(endpoint),
    ...premises.map(({ key }) => key),
  ]);
  return [...new Set([...[...blocks.keys()].map(blockKey), ...[...handles.keys()].map(handleKey), ...ofEndpoints])];
}

/** The one transaction of a draft: it holds only if nothing of what the draft was drawn from has changed. */
export function commitOf(draft: Draft, knowledge: Knowledge, nodeName: string): Commit {
  return {
    guards: guardsOf(draft, knowledge, nodeName),
    changes: changesOf(draft),
    otherwiseRead: keysOf(draft),
  };
}

/** Whether the store takes a commit of this size. */
export function fitsOneCommit({ guards, changes, otherwiseRead = [] }: Commit): boolean {
  return Math.max(guards.length, changes.length, otherwiseRead.length) <= maxCommitSize;
}
