import { hasLinkKind } from '@calico-node/netlink';

/** Whether this kernel can make devices of a kind. Where it cannot, says that the tests of `title` are skipped. */
export function hasDeviceKind(kind: Parameters<typeof hasLinkKind>[0], title: string): boolean {
  const isPossible = hasLinkKind(kind);
  if (!isPossible) console.warn(`skipped: ${title}: this kernel has no ${kind} devices; \`make test-vm\` runs them`);
  return isPossible;
}
