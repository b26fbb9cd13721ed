import { maxCommitSize, type Change, type Commit, type Guard } from '@calico-node/datastore';
import {
  affinityKey,
  blockKey,
  encodeAffinity,
  encodeBlock,
  encodeHandle,
  encodeResource,
  handleKey,
} from '@calico-node/model';
import type { AllocationBlock } from '@calico-node/model';
import { absent } from './block-claims.ts';
import type { Draft } from './draft.ts';
import { endpointKey } from './new-endpoint.ts';
import type { Reference } from './reference.ts';

/** Every write of a block raises its sequence number by one. */
export function raised(block: AllocationBlock): AllocationBlock {
  return { ...block, sequenceNumber: block.sequenceNumber + 1n };
}

const confirmed = encodeAffinity({ state: 'confirmed', deleted: false });

function atRevision(key: string, revision: bigint): Guard {
  return { type: 'key', key, revision };
}

function guardsOf(draft: Draft, reference: Reference, nodeName: string): readonly Guard[] {
  const guards: Guard[] = [...reference.guards(draft.pools)];
  for (const [cidr, { drawnFrom }] of draft.blocks) {
    guards.push(atRevision(blockKey(cidr), drawnFrom.revision));
    guards.push(atRevision(affinityKey('host', nodeName, cidr), drawnFrom.affinityRevision));
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

function changesOf({ blocks, handles, endpoints }: Draft, nodeName: string): readonly Change[] {
  return [
    ...[...blocks].flatMap(([cidr, { drawnFrom, block }]) => [
      { type: 'put' as const, key: blockKey(cidr), value: encodeBlock(raised(block)) },
      ...(drawnFrom.affinityRevision === absent
        ? [{ type: 'put' as const, key: affinityKey('host', nodeName, cidr), value: confirmed }]
        : []),
    ]),
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
export function commitOf(draft: Draft, reference: Reference, nodeName: string): Commit {
  return {
    guards: guardsOf(draft, reference, nodeName),
    changes: changesOf(draft, nodeName),
    otherwiseRead: keysOf(draft),
  };
}

/** Whether the store takes a commit of this size. */
export function fitsOneCommit({ guards, changes, otherwiseRead = [] }: Commit): boolean {
  return Math.max(guards.length, changes.length, otherwiseRead.length) <= maxCommitSize;
}
