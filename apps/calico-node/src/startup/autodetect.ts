import { cidrContains, familyOf, ipToBytes, type Family, type IpAddress } from '@calico-node/net';
import type { DetectionMethod } from './detection-method.ts';

export interface HostAddress {
  readonly ip: IpAddress;
  readonly prefixLength: number;
}

/** An interface of the host with its addresses, as the kernel lists them. */
export interface HostInterface {
  readonly index: number;
  readonly name: string;
  readonly isUp: boolean;
  readonly addresses: readonly HostAddress[];
}

/** Interfaces that never carry the node's own address: other software's, and our own. */
const neverOwn: readonly RegExp[] = [
  /^docker.*/,
  /^cbr.*/,
  /^dummy.*/,
  /^podman.*/,
  /^virbr.*/,
  /^lxcbr.*/,
  /^veth.*/,
  /^lo/,
  /^br-.*/,
  /^cali.*/,
  /^tunl.*/,
  /^flannel.*/,
  /^kube-ipvs.*/,
  /^cni.*/,
  /^vxlan\.calico.*/,
  /^vxlan-v6\.calico.*/,
  /^wireguard\.cali.*/,
  /^wg-v6\.cali.*/,
  /^nodelocaldns.*/,
];

function matchesAny(name: string, patterns: readonly RegExp[]): boolean {
  return patterns.some((pattern) => pattern.test(name));
}

/** Go's `IsGlobalUnicast`: not loopback, link-local, multicast, broadcast or unspecified. */
export function isGlobalUnicast(ip: IpAddress): boolean {
  const bytes = ipToBytes(ip);
  const [first = 0, second = 0] = bytes;
  if (bytes.every((byte) => byte === 0)) return false;
  if (familyOf(ip) === 4) {
    return first !== 127 && first < 224 && !(first === 169 && second === 254);
  }
  const isLoopback = bytes.subarray(0, 15).every((byte) => byte === 0) && bytes[15] === 1;
  return !isLoopback && first !== 0xff && !(first === 0xfe && (second & 0xc0) === 0x80);
}

/** What was found, or why nothing was: the candidates and what ruled each out. */
export type Detection =
  | {
      readonly found: true;
      readonly address: HostAddress;
      readonly interfaceName: string;
    }
  | { readonly found: false; readonly reason: string };

/** The interfaces that {@link neverOwn} leaves, from the highest index down. */
export function candidateInterfaces(interfaces: readonly HostInterface[]): readonly HostInterface[] {
  return interfaces.filter((one) => one.isUp && !matchesAny(one.name, neverOwn)).toSorted((a, b) => b.index - a.index);
}

/** The interfaces with addresses that are not looked at for their names alone; undefined when there are none. */
export function passedOver(interfaces: readonly HostInterface[], families: readonly Family[]): string | undefined {
  const named = interfaces.filter((one) => one.isUp && matchesAny(one.name, neverOwn));
  const usable = named.map((one) => ({
    ...one,
    addresses: one.addresses.filter(({ ip }) => families.includes(familyOf(ip)) && isGlobalUnicast(ip)),
  }));
  // Workloads' interfaces are none that anybody misses.
  const shown = usable.filter(({ name, addresses }) => addresses.length > 0 && !name.startsWith('cali'));
  return shown.length === 0 ? undefined : `passed over ${describeInterfaces(shown)}: such names are not a node's own`;
}

/** Interfaces with their addresses, for the operator. */
export function describeInterfaces(interfaces: readonly HostInterface[]): string {
  const describe = ({ name, addresses }: HostInterface): string =>
    addresses.length === 0 ? name : `${name} (${addresses.map(({ ip }) => ip).join(' ')})`;
  return interfaces.map(describe).join(', ');
}

function firstOf(
  interfaces: readonly HostInterface[],
  family: Family,
  accept: (address: HostAddress) => boolean = () => true,
): Detection {
  for (const one of interfaces) {
    const address = one.addresses.find(
      (candidate) => familyOf(candidate.ip) === family && isGlobalUnicast(candidate.ip) && accept(candidate),
    );
    if (address !== undefined) return { found: true, address, interfaceName: one.name };
  }
  const looked = interfaces.length === 0 ? 'any interface: none is left to look at' : describeInterfaces(interfaces);
  return { found: false, reason: `no usable IPv${family} address on ${looked}` };
}

/** The methods that the list of interfaces alone decides. */
type LocalMethod = Exclude<DetectionMethod, { kind: 'can-reach' } | { kind: 'kubernetes-internal-ip' }>;

/** Picks the node's address of a family from its interfaces: the first global unicast address that fits. */
export function selectAddress(method: LocalMethod, interfaces: readonly HostInterface[], family: Family): Detection {
  switch (method.kind) {
    case 'first-found': {
      const found = firstOf(candidateInterfaces(interfaces), family);
      const others = found.found ? undefined : passedOver(interfaces, [family]);
      return found.found || others === undefined ? found : { found: false, reason: `${found.reason} <- ${others}` };
    }
    case 'interface': {
      const chosen = interfaces.filter((one) => one.isUp && matchesAny(one.name, method.include));
      return firstOf(
        chosen.toSorted((a, b) => b.index - a.index),
        family,
      );
    }
    case 'skip-interface':
      return firstOf(
        candidateInterfaces(interfaces).filter((one) => !matchesAny(one.name, method.exclude)),
        family,
      );
    case 'cidr': {
      const cidrs = method.cidrs.filter((cidr) => familyOf(cidr) === family);
      return firstOf(candidateInterfaces(interfaces), family, (address) =>
        cidrs.some((cidr) => cidrContains(cidr, address.ip)),
      );
    }
  }
}

/** The interface address equal to `ip`, with its prefix length; what a bare IP setting is completed from. */
export function findAddress(interfaces: readonly HostInterface[], ip: IpAddress): Detection {
  for (const one of interfaces) {
    const address = one.addresses.find((candidate) => candidate.ip === ip);
    if (address !== undefined) return { found: true, address, interfaceName: one.name };
  }
  return { found: false, reason: `no interface has the address ${ip}` };
}
