import type { ComponentReport } from '@calico-node/service';
import type { Session } from '../bgp/report.ts';
import type { Cause } from '../supervisor/component.ts';
import type { Readiness } from '../supervisor/readiness-probe.ts';
import { remedyFor } from '../supervisor/remedy.ts';
import type { Turn } from './turn.ts';

/** The early speaker does its work while a ToR hears it. */
export function speakerReadiness(sessions: readonly Session[]): Readiness {
  if (sessions.some(({ state }) => state === 'Established')) return { ready: true, reason: '' };
  const states = sessions.map(({ address, state }) => `${address} is ${state}`);
  return { ready: false, reason: `no session with a ToR: ${states.join(', ')}` };
}

/** What early networking is at. */
export interface EarlyState {
  readonly turn: Turn;
  /** Why the host's addresses and routes could not be set the last time; undefined when they could. */
  readonly hostTrouble: string | undefined;
  /** Why the early speaker is not ready. */
  readonly causes: readonly Cause[];
  /** Whether the early speaker cannot stay up. */
  readonly isLost: boolean;
}

/** What `/readiness` and `/liveness` say of early networking. */
export function earlyReport({ turn, hostTrouble, causes, isLost }: EarlyState): ComponentReport {
  if (hostTrouble !== undefined) {
    const reason = `the host's addresses and routes towards the ToRs cannot be kept up: ${hostTrouble}`;
    return { ready: false, reason, remedy: remedyFor(hostTrouble, 'running') };
  }
  if (!turn.isEarly) {
    const reason =
      turn.goneMs === undefined
        ? "the node's own daemon speaks BGP"
        : "the node's own daemon is away; its routes stay meanwhile";
    return { ready: true, reason };
  }
  const [cause] = causes;
  if (cause === undefined) return { ready: true, reason: "early BGP speaks until the node's own daemon does" };
  return { ready: false, live: !isLost, reason: `early BGP: ${cause.chain}`, remedy: cause.remedy };
}
