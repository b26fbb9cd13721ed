import { createIpip, createWireguard, inNewNetns, NetlinkError, RouteSocket } from '@calico-node/netlink';

const requests = { ipip: createIpip, wireguard: createWireguard } as const;

/** Whether this kernel can make devices of a kind. Where it cannot, says that the tests of `title` are skipped. */
export function hasDeviceKind(kind: keyof typeof requests, title: string): boolean {
  const [error] = inNewNetns(() => {
    using socket = RouteSocket.open();
    return socket.execute([requests[kind]({ name: 'probe0' })]);
  });
  const isMissing = error instanceof NetlinkError && error.code === 'EOPNOTSUPP';
  if (isMissing) console.warn(`skipped: ${title}: this kernel has no ${kind} devices; \`make test-vm\` runs them`);
  return !isMissing;
}
