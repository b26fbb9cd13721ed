export { NflogSocket, type LoggedPacket, type NflogOptions } from './nflog-socket.ts';
