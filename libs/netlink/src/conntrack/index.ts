export { ConntrackSocket } from './conntrack-socket.ts';
