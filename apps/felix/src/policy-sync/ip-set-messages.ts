import { IPSetUpdate_IPSetType, type ToDataplane } from '@calico-node/rpc/policy-sync';
import type { IpSetDelta, IpSetUpdate } from '../calc/intents.ts';

type Payload = NonNullable<ToDataplane['payload']>;

const kinds = { net: IPSetUpdate_IPSetType.NET, 'ip-port': IPSetUpdate_IPSetType.IP_AND_PORT } as const;

/**
 * How many members one message may have, as in Calico: gRPC's clients take messages of up to 4 MiB, and the longest member
 * is an IPv6 address with protocol and port, 51 bytes on the wire.
 */
export const MAX_MEMBERS = 82_200;

/** A set as proxies are told of it. */
export interface SyncSet {
  readonly id: string;
  readonly kind: IpSetUpdate['kind'];
  readonly members: Set<string>;
  /** Never the same for two contents of one id, not even of sets that went and came back. */
  version: number;
  /** What made `version` of the one before. */
  lastChange: Pick<IpSetDelta, 'added' | 'removed'> & { readonly from: number };
}

/** What brings a proxy that knows `known` of the set, or nothing of it, to what it is. */
export function* setPayloads(set: SyncSet, known: number | undefined): Iterable<Payload> {
  const { id, lastChange } = set;
  if (known === set.version) return;
  if (known === lastChange.from) {
    yield* deltaPayloads(id, lastChange.added, lastChange.removed);
    return;
  }
  const [members = [], ...more] = pieces([...set.members]);
  yield { $case: 'ipsetUpdate', value: { id, type: kinds[set.kind], members } };
  for (const addedMembers of more) yield { $case: 'ipsetDeltaUpdate', value: { id, addedMembers, removedMembers: [] } };
}

function* deltaPayloads(id: string, added: readonly string[], removed: readonly string[]): Iterable<Payload> {
  for (const addedMembers of pieces(added))
    yield { $case: 'ipsetDeltaUpdate', value: { id, addedMembers, removedMembers: [] } };
  for (const removedMembers of pieces(removed))
    yield { $case: 'ipsetDeltaUpdate', value: { id, addedMembers: [], removedMembers } };
}

function pieces(members: readonly string[]): string[][] {
  const count = Math.ceil(members.length / MAX_MEMBERS);
  return Array.from({ length: count }, (_, index) => members.slice(index * MAX_MEMBERS, (index + 1) * MAX_MEMBERS));
}
