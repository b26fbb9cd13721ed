export type { WireguardDevice, WireguardEndpoint, WireguardPeer } from './wireguard-device.ts';
export type { WireguardChange, WireguardPeerChange } from './wireguard-requests.ts';
export { WireguardSocket } from './wireguard-socket.ts';
