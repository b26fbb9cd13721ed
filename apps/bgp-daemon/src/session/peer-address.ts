import { isLinkLocal } from '@calico-node/bgp';
import { tryParseIp } from '@calico-node/net';
import type { PeerAddress } from '../config/daemon-config.ts';

/** Where a socket says that somebody is: `fe80::1%eth0` for a link-local address, which is nowhere without its link. */
export function readPeerAddress(text = ''): PeerAddress | undefined {
  const at = text.indexOf('%');
  const address = tryParseIp(at < 0 ? text : text.slice(0, at));
  if (address === undefined || !isLinkLocal(address)) return address && { address };
  return at < 0 ? undefined : { address, interfaceName: text.slice(at + 1) };
}
