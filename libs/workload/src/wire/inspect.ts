import type { IpAddress, Mac } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { openWorkloadNetns } from './namespace.ts';

/** What stands of a workload's interface. */
export interface Inspection {
  readonly isHostEndUp: boolean;
  readonly workload:
    { readonly isUp: boolean; readonly mac: Mac | undefined; readonly addresses: readonly IpAddress[] } | undefined;
}

/** Whether the host has an interface of that name. */
export function hasHostInterface(name: string): boolean {
  using host = RouteSocket.open();
  return host.getLink(name) !== undefined;
}

/** @throws WireError `netns-missing`, `own-netns` */
export function inspectInterface(netnsPath: string, hostName: string, workloadName: string): Inspection {
  using netns = openWorkloadNetns(netnsPath);
  using host = RouteSocket.open();
  using workload = RouteSocket.open({ netns });
  const link = workload.getLink(workloadName);
  return {
    isHostEndUp: host.getLink(hostName)?.up === true,
    workload:
      link === undefined
        ? undefined
        : {
            isUp: link.up,
            mac: link.mac,
            addresses: workload.listAddresses({ interfaceIndex: link.index }).map((address) => address.ip),
          },
  };
}
