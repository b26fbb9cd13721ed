import { familyOf, hostCidr, parseCidr, type Cidr, type IpAddress, type Mac } from '@calico-node/net';
import {
  addAddress,
  deleteAddress,
  replaceNeighbour,
  replaceRoute,
  RouteSocket,
  setLink,
  type NetlinkRequest,
} from '@calico-node/netlink';
import { applyTolerant, configureHostEnd, hostMac, ipv4Gateway, type Families } from './host-end.ts';
import { openWorkloadNetns } from './namespace.ts';
import { ensurePair } from './pair.ts';
import { applySettings, forwardingSettings, workloadSettingsBeforeUp } from './sysctls.ts';

export interface AttachSpec {
  /** Path of the workload's network namespace. */
  readonly netns: string;
  /** The host's end. */
  readonly hostName: string;
  /** The workload's end. */
  readonly workloadName: string;
  readonly mtu: number;
  readonly mac?: Mac;
  readonly addresses: readonly IpAddress[];
  /** Where the workload may go through its interface; everywhere when absent. */
  readonly routes?: readonly Cidr[];
  /** Whether the workload may forward packets itself. */
  readonly forwards?: boolean;
  /** What the names of our interfaces on the host start with. */
  readonly prefixes: readonly string[];
}

export interface Attached {
  readonly mac: Mac;
  readonly mtu: number;
}

function routesInside(index: number, spec: AttachSpec, families: Families, gateway6: IpAddress): NetlinkRequest[] {
  const everywhere = [parseCidr('0.0.0.0/0'), parseCidr('::/0')];
  const routes = spec.routes === undefined || spec.routes.length === 0 ? everywhere : spec.routes;
  const via = (family: 4 | 6, gateway: IpAddress): NetlinkRequest[] =>
    routes
      .filter((destination) => familyOf(destination) === family)
      .map((destination) => replaceRoute({ destination, gateway, interfaceIndex: index }));
  // The host's proxy ARP answers only while the host has a route to the gateway by another interface, which a host
  // without a default route has not: so the workload is told the host's MAC.
  const onLink = replaceRoute({ destination: hostCidr(ipv4Gateway), interfaceIndex: index, scope: 'link' });
  const neighbour = replaceNeighbour({ interfaceIndex: index, ip: ipv4Gateway, mac: hostMac, state: 'permanent' });
  return [
    ...(families.ipv4 ? [onLink, neighbour, ...via(4, ipv4Gateway)] : []),
    ...(families.ipv6 ? via(6, gateway6) : []),
  ];
}

function addressesInside(workload: RouteSocket, index: number, wanted: readonly IpAddress[]): NetlinkRequest[] {
  const present = workload.listAddresses({ interfaceIndex: index }).filter((address) => address.scope !== 'link');
  return [
    ...present.filter((address) => !wanted.includes(address.ip)).map((address) => deleteAddress(address)),
    ...wanted.map((ip) =>
      addAddress({ interfaceIndex: index, ip, prefixLength: familyOf(ip) === 4 ? 32 : 128, skipsDad: true }),
    ),
  ];
}

/**
 * Gives a workload its interface: a veth pair with the workload's end in its namespace, addresses as /32 and
 * /128, and the link-local gateway. Whatever of it is there already is kept and completed, so that an attach
 * may be repeated or taken up where another was interrupted. The host's routes to the addresses are not made
 * here: Felix makes them when the workload's policy is in the kernel.
 *
 * @throws WireError, NetlinkError
 */
export async function attachInterface(spec: AttachSpec): Promise<Attached> {
  using netns = openWorkloadNetns(spec.netns);
  using host = RouteSocket.open();
  using workload = RouteSocket.open({ netns });
  const families: Families = {
    ipv4: spec.addresses.some((ip) => familyOf(ip) === 4),
    ipv6: spec.addresses.some((ip) => familyOf(ip) === 6),
  };
  const pair = await ensurePair(host, workload, netns, { ...spec, hostMac, workloadMac: spec.mac });
  const { index } = pair.workload;
  applySettings(workloadSettingsBeforeUp(spec.workloadName, families.ipv6), netns);
  const gateway6 = configureHostEnd(host, pair.host, spec.mtu, families);
  const { mac } = spec;
  workload.apply([setLink({ index, up: true, mtu: spec.mtu, ...(mac === undefined ? {} : { mac }) })]);
  workload.apply(routesInside(index, spec, families, gateway6));
  applyTolerant(workload, addressesInside(workload, index, spec.addresses));
  applySettings(forwardingSettings(families, spec.forwards ?? false), netns);
  const settled = workload.getLink(index)?.mac;
  if (settled === undefined) throw new Error(`${spec.workloadName} has vanished from ${spec.netns}`);
  return { mac: settled, mtu: spec.mtu };
}
