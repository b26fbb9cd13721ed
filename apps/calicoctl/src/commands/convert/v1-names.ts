/*
 * How names of the v1 API become names that v3 takes: lower case, and nothing but letters, digits, dashes and
 * dots. A name that had to change gets a part of its hash, so that two that become the same stay two.
 */
import { createHash } from 'node:crypto';
import { familyOf, ipToBytes, type Cidr, type IpAddress } from '@calico-node/net';

/** A node's name: without a hash, since the node's own name must be found again from its host name. */
export function convertNodeName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll('/', '.')
    .replaceAll(/[^-.a-z0-9]+/g, '-')
    .replaceAll(/[.-]*\.[.-]*/g, '.')
    .replace(/^[.-]+/, '')
    .replace(/[.-]+$/, '');
}

export function convertName(name: string): string {
  return qualified(name, convertNodeName(name));
}

/** For policies, whose names may hold no dots. */
export function convertNameWithoutDots(name: string): string {
  return qualified(name, convertNodeName(name).replaceAll('.', '-'));
}

/** The profile of a Kubernetes namespace was `k8s_ns.<namespace>` and is `kns.<namespace>`. */
export function convertProfileName(name: string): string {
  return convertName(name.startsWith('k8s_ns.') ? `kns.${name.slice('k8s_ns.'.length)}` : name);
}

function qualified(old: string, name: string): string {
  if (old === name) return name;
  return `${name}-${createHash('sha1').update(old).digest('hex').slice(0, 8)}`;
}

/** An address as a name: `10-0-0-1`; all 32 digits of an IPv6 address. */
export function addressName(ip: IpAddress): string {
  if (familyOf(ip) === 4) return ip.replaceAll('.', '-');
  const hex = Array.from(ipToBytes(ip), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return (hex.match(/.{4}/g) ?? []).join('-');
}

/** A network as a name: `10-0-0-0-16`. */
export function networkName(cidr: Cidr): string {
  return cidr.replaceAll(/[.:/]/g, '-');
}
