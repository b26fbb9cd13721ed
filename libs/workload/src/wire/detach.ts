import { RouteSocket } from '@calico-node/netlink';
import { openWorkloadNetns } from './namespace.ts';
import { ownHostEnd, removeLink } from './pair.ts';
import { WireError } from './wire-error.ts';

export interface DetachSpec {
  /** Path of the workload's namespace; absent, or the path of one that is gone: only the host's end is looked for. */
  readonly netns: string | undefined;
  /** The host's end, when it is known to be this workload's. */
  readonly hostName: string | undefined;
  readonly workloadName: string;
  readonly prefixes: readonly string[];
}

/** Deletes the workload's end from its namespace, and the host's end with it. Not ours: left alone. */
async function detachInside(spec: DetachSpec, host: RouteSocket, path: string): Promise<void> {
  try {
    using netns = openWorkloadNetns(path);
    using workload = RouteSocket.open({ netns });
    const end = workload.getLink(spec.workloadName);
    if (end !== undefined && ownHostEnd(host, end, spec.prefixes) !== undefined) await removeLink(workload, end);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
}

/** Takes a workload's interface away. What is gone already is well. */
export async function detachInterface(spec: DetachSpec): Promise<void> {
  using host = RouteSocket.open();
  const link = spec.hostName === undefined ? undefined : host.getLink(spec.hostName);
  if (link?.kind === 'veth') await removeLink(host, link);
  if (spec.netns !== undefined && spec.netns !== '') await detachInside(spec, host, spec.netns);
}
