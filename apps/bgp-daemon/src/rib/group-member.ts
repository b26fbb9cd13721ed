import type { AdvertisementPace } from './advertisement-pace.ts';

/** A session in a group. */
export interface GroupMember {
  /** Its source number in the RIB: what came from there does not go back. */
  readonly source: number;
  /** Hands over whole messages. */
  send(messages: Uint8Array, prefixes: number): void;
  /** Too much waits to be sent: changes are kept until `UpdateGroup.sync`. */
  isCongested(): boolean;
}

/** Which prefixes a member has been told of, by number. */
export type Told = Uint8Array;

/** What a group knows of a member. */
export interface MemberState {
  /** Prefixes whose present state the member has yet to learn. Coalesces: only the last state counts. */
  readonly pending: Set<number>;
  /** The whole table is being told: all prefixes from this number on are still to come; Infinity: it is told. */
  cursor: number;
  /** Knows nothing from the cursor on, so that changes there need not be noted. */
  isNew: boolean;
  /** What it knows from another group; withdrawn where this one does not announce it. */
  told: Told | undefined;
  /** The initial table is on its way: End-of-RIB is due when nothing is pending. */
  owesEndOfRib: boolean;
  /** The table is being told again: the mark at its end is due then (RFC 7313 4). */
  owesEndOfRefresh: boolean;
  /** Announcements of the same prefix are kept apart; undefined: they are not. */
  readonly pace: AdvertisementPace | undefined;
}

/** Of a member that is to learn everything. */
export function newMemberState(pace: AdvertisementPace | undefined): MemberState {
  return {
    pending: new Set(),
    cursor: 0,
    isNew: true,
    told: undefined,
    owesEndOfRib: false,
    owesEndOfRefresh: false,
    pace,
  };
}

/** It knows all but what has to wait for its interval. */
export function isCaughtUp({ pending, cursor }: MemberState): boolean {
  return pending.size === 0 && cursor === Infinity;
}
