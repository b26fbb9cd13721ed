import { isLinkLocal } from '@calico-node/bgp';
import { tryParseIp } from '@calico-node/net';
import type { PeerAddress } from '../config/daemon-config.ts';

/** Where a socket says that somebody is: `fe80::1%eth0` for a link-local address. */
export function readPeerAddress(text: string | undefined): PeerAddress | undefined {
  const [ip = '', interfaceName] = text?.split('%') ?? [];
  const address = tryParseIp(ip);
  if (address === undefined) return undefined;
  return isLinkLocal(address) && interfaceName !== undefined ? { address, interfaceName } : { address };
}
