export type { ConnectionFlow } from './connection-flow.ts';
export type { CountedConnection, OriginalDestination, Traffic } from './counted-connection.ts';
export { ConntrackSocket } from './conntrack-socket.ts';
