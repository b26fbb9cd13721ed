import { deleteLink, RouteSocket, type NetnsRef } from '@calico-node/netlink';

/**
 * The two interfaces that a probe is sent by. As workloads' interfaces they are none of the host's, which host endpoints
 * could cover.
 */
export function probeHelpersOf([prefix = 'cali']: readonly string[]): readonly [string, string] {
  const start = prefix.slice(0, 9);
  return [`${start}prb0`, `${start}prb1`];
}

/** Deletes what a Felix left that was killed in a probe. Throws nothing: the next probe would try it again. */
export async function removeLeftHelpers(prefixes: readonly string[], netns?: NetnsRef): Promise<void> {
  using route = RouteSocket.open(netns === undefined ? {} : { netns });
  const [name] = probeHelpersOf(prefixes);
  if (route.getLink(name)?.kind === 'veth') await route.executeAsync([deleteLink({ name })]);
}
