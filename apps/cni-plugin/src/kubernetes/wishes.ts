import { familyOf, parseCidrLoose, parseIp, parseMac, type Cidr, type IpAddress, type Mac } from '@calico-node/net';
import type { Wishes } from '../endpoint/description.ts';

type Annotations = Readonly<Record<string, string>>;

export interface WishOptions {
  /** Addresses come from Calico's IPAM; otherwise annotations about pools have no meaning. */
  readonly isOwnIpam: boolean;
  readonly features: { readonly ipAddrsNoIpam: boolean; readonly floatingIps: boolean };
}

/** A pod's annotation that cannot be done. The message says which and why. */
export class AnnotationError extends Error {
  override readonly name = 'AnnotationError';
}

const prefix = 'cni.projectcalico.org/';

/** An annotation's value, a JSON list of strings, each parsed. Undefined when there is none, or nothing in it. */
function list<T>(annotations: Annotations, name: string, parse: (text: string) => T): readonly T[] | undefined {
  const text = annotations[prefix + name] ?? '';
  if (text === '') return undefined;
  const refuse = (reason: string, cause?: unknown): never => {
    throw new AnnotationError(`annotation ${prefix}${name}: ${reason}`, { cause });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return refuse(`'${text}' is not a JSON list`, cause);
  }
  if (!Array.isArray(value)) return refuse(`'${text}' is not a JSON list`);
  return value.map((item: unknown) => {
    if (typeof item !== 'string') return refuse(`${JSON.stringify(item)} is not a string`);
    try {
      return parse(item);
    } catch (cause) {
      return refuse(`'${item}' is not valid`, cause);
    }
  });
}

/** At most one address of each family. */
function addresses(annotations: Annotations, name: string): readonly IpAddress[] | undefined {
  const found = list(annotations, name, parseIp);
  if (found === undefined) return undefined;
  const families = new Set(found.map((ip) => familyOf(ip)));
  if (found.length === 0 || families.size < found.length) {
    throw new AnnotationError(`annotation ${prefix}${name}: one address, or one of each family, is possible`);
  }
  return found;
}

function families(annotations: Annotations): Wishes['families'] {
  const names = list(annotations, 'ipFamilies', (text) => {
    if (text !== 'IPv4' && text !== 'IPv6') throw new RangeError('IPv4 or IPv6');
    return text;
  });
  return names && { ipv4: names.includes('IPv4'), ipv6: names.includes('IPv6') };
}

function macOf(annotations: Annotations): Mac | undefined {
  const text = annotations[`${prefix}hwAddr`] ?? '';
  if (text === '') return undefined;
  try {
    return parseMac(text);
  } catch (cause) {
    throw new AnnotationError(`annotation ${prefix}hwAddr: '${text}' is not a MAC address`, { cause });
  }
}

function requireLeave(isGiven: boolean, isAllowed: boolean, name: string, feature: string): void {
  if (isGiven && !isAllowed) {
    throw new AnnotationError(
      `annotation ${prefix}${name}: not allowed here: set feature_control.${feature} in the network configuration`,
    );
  }
}

function requireOwnIpam(isGiven: boolean, isOwnIpam: boolean, name: string): void {
  if (isGiven && !isOwnIpam) throw new AnnotationError(`annotation ${prefix}${name}: needs ipam.type calico-ipam`);
}

/** Undefined members are left out, so that they never hide a configuration's. */
function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/**
 * What a pod's annotations ask for (Calico's `cni.projectcalico.org/…`). Those about pools and families may stand on
 * the namespace too; the pod's go before.
 *
 * @throws AnnotationError
 */
export function wishesOf(namespace: Annotations, pod: Annotations, options: WishOptions): Wishes {
  const { isOwnIpam, features } = options;
  const merged = { ...namespace, ...pod };
  const text = (value: string): string => value;
  const [wanted, brought] = [addresses(pod, 'ipAddrs'), addresses(pod, 'ipAddrsNoIpam')];
  requireOwnIpam(wanted !== undefined, isOwnIpam, 'ipAddrs');
  requireOwnIpam(brought !== undefined, isOwnIpam, 'ipAddrsNoIpam');
  requireLeave(brought !== undefined, features.ipAddrsNoIpam, 'ipAddrsNoIpam', 'ip_addrs_no_ipam');
  if (wanted !== undefined && brought !== undefined) {
    throw new AnnotationError(`annotations ${prefix}ipAddrs and ${prefix}ipAddrsNoIpam exclude one another`);
  }
  const floatingIps = list(pod, 'floatingIPs', parseIp);
  requireLeave((floatingIps ?? []).length > 0, features.floatingIps, 'floatingIPs', 'floating_ips');
  return present<Wishes>({
    ipv4Pools: isOwnIpam ? list(merged, 'ipv4pools', text) : undefined,
    ipv6Pools: isOwnIpam ? list(merged, 'ipv6pools', text) : undefined,
    families: isOwnIpam ? families(merged) : undefined,
    addresses: wanted,
    addressesWithoutIpam: brought,
    floatingIps,
    mac: macOf(pod),
    allowedSourcePrefixes: list<Cidr>(pod, 'allowedSourcePrefixes', parseCidrLoose),
  });
}
