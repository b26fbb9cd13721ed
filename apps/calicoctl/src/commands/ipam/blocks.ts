import type { Backend } from '@calico-node/datastore';
import { blockPrefix, decodeBlock, ValidationError, type AllocationBlock } from '@calico-node/model';

/** Every allocation block in the store, in key order. @throws ValidationError for one that can't be read. */
export async function readBlocks(backend: Backend): Promise<readonly AllocationBlock[]> {
  const { items } = await backend.list(blockPrefix());
  return items.map(({ value }) => decodeBlock(value));
}

export interface UnreadableBlock {
  readonly key: string;
  readonly problem: string;
}

/** As {@link readBlocks}, with those apart that can't be read. */
export async function readSoundBlocks(
  backend: Backend,
): Promise<{ readonly blocks: readonly AllocationBlock[]; readonly unreadable: readonly UnreadableBlock[] }> {
  const { items } = await backend.list(blockPrefix());
  const blocks: AllocationBlock[] = [];
  const unreadable: UnreadableBlock[] = [];
  for (const { key, value } of items) {
    try {
      blocks.push(decodeBlock(value));
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      unreadable.push({ key, problem: error.message });
    }
  }
  return { blocks, unreadable };
}
