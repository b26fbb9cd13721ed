import { decodeResource, parseResourceKey, resourcePrefix } from '@calico-node/model';
import type { Io } from '../../io.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';

/** How long the store may take: without its answer the flow is explained all the same. */
const STORE_TIMEOUT_MS = 3000;

/** A workload's floating address. */
export interface FloatingAddress {
  /** The workload's own address, that it stands for. */
  readonly internal: string;
}

/**
 * The workload of some node that has the floating address, by the store; `undefined` when none has it, and why where the
 * store does not tell.
 */
export async function floatingAt(
  address: string,
  options: DatastoreOptions,
  io: Io,
): Promise<FloatingAddress | { readonly unknown: string } | undefined> {
  try {
    return await withSession(
      options,
      io,
      async ({ backend }) => {
        const { items } = await backend.list(resourcePrefix('WorkloadEndpoint'), { timeoutMs: STORE_TIMEOUT_MS });
        for (const { key, value, revision } of items) {
          // Few endpoints have any: the others need not be decoded.
          if (!value.includes('"ipNATs"') || parseResourceKey(key)?.kind !== 'WorkloadEndpoint') continue;
          const { spec } = decodeResource('WorkloadEndpoint', value, revision);
          const nat = spec.ipNATs?.find(({ externalIP }) => externalIP === address);
          if (nat !== undefined) return { internal: nat.internalIP };
        }
        return undefined;
      },
      { checksVersion: false, isReadOnly: true },
    );
  } catch (error) {
    return { unknown: error instanceof Error ? error.message : String(error) };
  }
}
