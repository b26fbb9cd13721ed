export type { ConnectionFlow } from './connection-flow.ts';
export { ConntrackSocket } from './conntrack-socket.ts';
