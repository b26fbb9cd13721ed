import { familyOf, parseCidr, splitCidr, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import type { IpsetMember } from '@calico-node/netlink/ipset';
import { namedPortProtocols, splitIpPortMember, type IpPortMember } from '../../calc/ip-set.ts';

export type IpSetKind = 'net' | 'ip-port';

/** The halves of all addresses: ipset's `hash:net` has no prefix length 0. */
const halves: Readonly<Record<Family, readonly [Cidr, Cidr]>> = {
  4: [parseCidr('0.0.0.0/1'), parseCidr('128.0.0.0/1')],
  6: [parseCidr('::/1'), parseCidr('8000::/1')],
};

/** Which members of the kernel's set a member stands for; none for one of the other family. */
export function kernelMembersOf(member: string, kind: IpSetKind, family: Family): readonly string[] {
  if (kind === 'ip-port') {
    const ip: IpAddress = splitIpPortMember(member as IpPortMember).ip;
    return familyOf(ip) === family ? [member] : [];
  }
  const cidr = member as Cidr;
  if (familyOf(cidr) !== family) return [];
  return splitCidr(cidr).prefixLength === 0 ? halves[family] : [cidr];
}

/** The kernel's form of one of `kernelMembersOf`, or of `textOf`. */
export function encodeMember(text: string, kind: IpSetKind): IpsetMember {
  if (kind === 'net') return { kind: 'net', cidr: text as Cidr };
  const foreign = /^(.*),(\d+):(\d+)$/.exec(text);
  if (foreign !== null) {
    const [, ip = '', protocol, port] = foreign;
    return { kind: 'ip-port', ip: ip as IpAddress, protocol: Number(protocol), port: Number(port) };
  }
  return { kind: 'ip-port', ...splitIpPortMember(text as IpPortMember) };
}

const protocolNames = new Map<number, string>(
  Object.entries(namedPortProtocols).map(([name, number]) => [number, name]),
);

/** A member's text; of a protocol that has no name with us, its number. */
export function textOf(member: IpsetMember): string {
  if (member.kind === 'net') return member.cidr;
  return `${member.ip},${protocolNames.get(member.protocol) ?? member.protocol}:${member.port}`;
}
