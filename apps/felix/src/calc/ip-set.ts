import type { Branded, IpAddress } from '@calico-node/net';
import { uniqueId, type Selector } from '@calico-node/selector';

/**
 * An IP set's identity, stable across restarts and hosts because it is made from what the set means:
 * `s:<hash>` members of a selector, `n:<hash>` a named port of a selector's endpoints, or one of the
 * fixed names below. The kernel's names are made from it (`ipSetKernelName` of libs/model).
 */
export type IpSetId = Branded<string, 'IpSetId'>;

/** `<address>,<tcp|udp|sctp>:<port>`: a named port of one endpoint, as Felix spells it. */
export type IpPortMember = Branded<string, 'IpPortMember'>;

export const namedPortProtocols = { tcp: 6, udp: 17, sctp: 132 } as const;

export type NamedPortProtocol = keyof typeof namedPortProtocols;

/** CIDRs of all pools that hold workload or tunnel addresses. Always present after in-sync. */
export const networkPoolsSet = 'network-ip-pools' as IpSetId;
/** CIDRs of the pools with natOutgoing. Always present after in-sync. */
export const masqueradePoolsSet = 'masq-ipam-pools' as IpSetId;
/** Addresses of all Calico nodes. Always present after in-sync. */
export const allHostsSet = 'all-hosts-net' as IpSetId;

/** Addresses of the nodes that have a VXLAN device. Always present after in-sync. */
export const vxlanHostsSet = 'all-vxlan-net' as IpSetId;

/** Addresses of services that the host has as its own, kube-proxy's IPVS mode. Only beside that. */
export const ipvsServicesSet = 'ipvs-services' as IpSetId;

/** Addresses of all workloads in Istio's ambient mesh. Only where it is provided for. */
export const ambientMeshSet = 'all-istio-weps' as IpSetId;

/** The set of all addresses and networks whose labels match the selector; of kind `net`. */
export function selectorSetId(selector: Selector): IpSetId {
  return selector.id as IpSetId;
}

/** The set of (address, protocol, port) of endpoints that match and have the named port; of kind `ip-port`. */
export function namedPortSetId(selector: Selector, protocol: NamedPortProtocol, portName: string): IpSetId {
  return uniqueId('n', `${selector.id},${protocol},${portName}`) as IpSetId;
}

/** The sets of a service's endpoints: with their ports of kind `ip-port`, without of kind `net`. */
export function serviceSetId(service: string, withPorts: boolean): IpSetId {
  return uniqueId(withPorts ? 'svc' : 'svcnoport', service) as IpSetId;
}

/** Whether the set is that of a service's endpoints with its ports, not of endpoints with a named port. */
export function isServicePortsSet(id: IpSetId): boolean {
  return id.startsWith('svc:');
}

export function ipPortMember(ip: IpAddress, protocol: NamedPortProtocol, port: number): IpPortMember {
  return `${ip},${protocol}:${port}` as IpPortMember;
}

/** A member's parts; total, since members are made only by `ipPortMember`. */
export function splitIpPortMember(member: IpPortMember): {
  readonly ip: IpAddress;
  readonly protocol: number;
  readonly port: number;
} {
  const comma = member.indexOf(',');
  const colon = member.indexOf(':', comma);
  const protocol = member.slice(comma + 1, colon) as NamedPortProtocol;
  return {
    ip: member.slice(0, comma) as IpAddress,
    protocol: namedPortProtocols[protocol],
    port: Number(member.slice(colon + 1)),
  };
}
