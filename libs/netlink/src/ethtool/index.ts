export { EthtoolSocket, sentChecksums } from './ethtool-socket.ts';
