/** The wireguard family (include/uapi/linux/wireguard.h). */
export const FAMILY_NAME = 'wireguard';
export const FAMILY_VERSION = 1;

export const command = { getDevice: 0, setDevice: 1 } as const;

export const deviceAttribute = {
  interfaceIndex: 1,
  interfaceName: 2,
  privateKey: 3,
  publicKey: 4,
  flags: 5,
  listenPort: 6,
  mark: 7,
  peers: 8,
} as const;

export const peerAttribute = {
  publicKey: 1,
  flags: 3,
  endpoint: 4,
  keepaliveSeconds: 5,
  lastHandshake: 6,
  receivedBytes: 7,
  sentBytes: 8,
  allowedIps: 9,
} as const;

export const allowedIpAttribute = { family: 1, address: 2, prefixLength: 3 } as const;

export const peerFlag = { remove: 1, replaceAllowedIps: 2, updateOnly: 4 } as const;
