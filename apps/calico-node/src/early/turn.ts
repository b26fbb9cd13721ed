/** How long a speaker that went is given to come back, with its routes kept (RFC 4724), before another takes its place. */
const restartMs = 120_000;

/** Whose turn it is to speak BGP, between the early speaker and the node's own. */
export interface Turn {
  readonly isEarly: boolean;
  /** When the node's own speaker went away; undefined while it is there or was never. */
  readonly goneMs: number | undefined;
}

/** Before anything has been seen. */
export const firstTurn: Turn = { isEarly: true, goneMs: undefined };

/**
 * Where a node starts. When a speaker has left routes in the kernel, the node's own is starting again: it gets half of
 * the time after which the ToRs give its routes up, for an early speaker would tell them less.
 */
export function turnAtStart(hasLeftovers: boolean, nowMs: number): Turn {
  return hasLeftovers ? { isEarly: false, goneMs: nowMs - restartMs / 2 } : firstTurn;
}

/** The early speaker yields at once to the node's own, and comes back when that stays away beyond its restart time. */
export function nextTurn({ isEarly, goneMs }: Turn, isOwnThere: boolean, nowMs: number): Turn {
  if (isOwnThere) return { isEarly: false, goneMs: undefined };
  if (isEarly) return { isEarly, goneMs: undefined };
  const since = goneMs ?? nowMs;
  return nowMs - since >= restartMs ? firstTurn : { isEarly: false, goneMs: since };
}

/** TCP_LISTEN (include/net/tcp_states.h). */
const listening = '0A';

/** Whether somebody listens on a port, in the text of /proc/net/tcp or tcp6 (proc_net_tcp in the kernel's documentation). */
export function isListening(table: string, port: number): boolean {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').some((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/);
    return state === listening && local.endsWith(suffix);
  });
}
