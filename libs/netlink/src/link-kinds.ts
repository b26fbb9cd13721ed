import { inNewNetns } from './netns.ts';
import { createIpip, createWireguard } from './route/link-requests.ts';
import { RouteSocket } from './route/route-socket.ts';

const requests = { ipip: createIpip, wireguard: createWireguard } as const;

/**
 * Whether this kernel can make devices of a kind, with a module that it loads when it must. Tried out in a network
 * namespace that is gone afterwards.
 */
export function hasLinkKind(kind: keyof typeof requests): boolean {
  const [error] = inNewNetns(() => {
    using socket = RouteSocket.open();
    return socket.execute([requests[kind]({ name: 'probe0' })]);
  });
  // The ipip module has its own device in every namespace, which is like the one that is asked for.
  if (error === undefined || error.code === 'EEXIST') return true;
  if (error.code === 'EOPNOTSUPP') return false;
  throw error;
}
