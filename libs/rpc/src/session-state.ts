import { SessionState } from './gen/calico/bgp/v1/bgp.ts';

/** The states of a BGP session as operators know them (RFC 4271 section 8.2.2). */
export const sessionStateNames = {
  [SessionState.UNSPECIFIED]: 'Unknown',
  [SessionState.IDLE]: 'Idle',
  [SessionState.CONNECT]: 'Connect',
  [SessionState.ACTIVE]: 'Active',
  [SessionState.OPEN_SENT]: 'OpenSent',
  [SessionState.OPEN_CONFIRM]: 'OpenConfirm',
  [SessionState.ESTABLISHED]: 'Established',
} as const satisfies Readonly<Record<SessionState, string>>;
