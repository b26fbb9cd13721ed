import { randomBytes } from 'node:crypto';
import type { WorkloadEndpoint } from '@calico-node/model';
import { familyOf, hostCidr, macFromBytes, splitCidr, type IpAddress, type Mac } from '@calico-node/net';
import { ipv4Gateway, ipv6Gateway, type AddressSpec, type NetworkSpec, type WiringSpec } from '@calico-node/workload';
import { buildEndpoint } from '../endpoint/build-endpoint.ts';
import type { Description } from '../endpoint/description.ts';
import type { Result } from '../spec/result.ts';
import { everywhere, type GivenAddresses } from './addresses.ts';
import type { AttachmentCall } from './call.ts';

/** An ADD with everything decided that can be before addresses are given. */
export interface Plan {
  readonly call: AttachmentCall;
  readonly description: Description;
  readonly mtu: number;
  /** The host's end. */
  readonly hostName: string;
}

/** An address of nobody's: locally administered, unicast (IEEE 802). */
export function randomMac(): Mac {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return macFromBytes(bytes);
}

export function wiringSpec({ call, mtu, hostName }: Plan): WiringSpec {
  const { attachment, prefixes, config } = call;
  return {
    netns: attachment.netns,
    hostName,
    workloadName: attachment.ifName,
    mtu,
    queues: config.queues,
    prefixes,
  };
}

export function networkSpec({ config }: AttachmentCall, routes: GivenAddresses['routes']): NetworkSpec {
  return { ...(routes === undefined ? {} : { routes }), forwards: config.allowIpForwarding };
}

export function addressSpec(call: AttachmentCall, given: GivenAddresses): AddressSpec {
  return { addresses: given.ips, ...networkSpec(call, given.routes) };
}

export function endpointOf(
  { call, description, hostName }: Plan,
  addresses: readonly IpAddress[],
  mac: Mac,
  stored: WorkloadEndpoint | undefined,
): WorkloadEndpoint {
  const { node, workload } = call;
  return buildEndpoint({ node, workload, description, addresses, interfaceName: hostName, mac }, stored);
}

/** The workload's interface; its MTU where that is known. */
interface Interface {
  readonly mac: Mac;
  readonly mtu?: number;
}

export function toResult({ call, hostName }: Plan, { mac, mtu }: Interface, given: GivenAddresses): Result {
  const { ifName, netns } = call.attachment;
  const families = new Set(given.ips.map((ip) => familyOf(ip)));
  const destinations = given.routes ?? everywhere;
  return {
    interfaces: [{ name: hostName }, { name: ifName, mac, ...(mtu === undefined ? {} : { mtu }), sandbox: netns }],
    ips: given.ips.map((ip) => ({ ip, prefixLength: splitCidr(hostCidr(ip)).prefixLength, interface: 1 })),
    routes: destinations
      .filter((destination) => families.has(familyOf(destination)))
      .map((destination) => ({ destination, gateway: familyOf(destination) === 4 ? ipv4Gateway : ipv6Gateway })),
    dns: given.dns,
  };
}
