import {
  familyOf,
  NetParseError,
  parseCidr,
  parseCidrLoose,
  parseMac,
  tryParseIp,
  type Family,
} from '@calico-node/net';
import type { ValueCheck } from '../schema/schema.ts';

/** Runs a parser of libs/net for its complaint. */
function complaintOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (error instanceof NetParseError) return error.message;
    throw error;
  }
}

function ofFamily(family: Family, check: ValueCheck<string>): ValueCheck<string> {
  return (value) => check(value) ?? (familyOf(value) === family ? undefined : `must be of IPv${family}`);
}

function unlessEmpty(check: ValueCheck<string>): ValueCheck<string> {
  return (value) => (value === '' ? undefined : check(value));
}

/** An address. */
export const ip: ValueCheck<string> = unlessEmpty((value) =>
  tryParseIp(value) === undefined ? `"${value}" is not an IP address` : undefined,
);
export const ipv4 = unlessEmpty(ofFamily(4, ip));
export const ipv6 = unlessEmpty(ofFamily(6, ip));

/** A network whose host bits are zero; the prefix length must be there. */
export const strictCidr: ValueCheck<string> = (value) => complaintOf(() => parseCidr(value));

/** An address, or a network whose host bits are zero. */
export const net: ValueCheck<string> = (value) =>
  complaintOf(() => (value.includes('/') ? parseCidr(value) : parseCidrLoose(value)));
export const netV4 = unlessEmpty(ofFamily(4, net));
export const netV6 = unlessEmpty(ofFamily(6, net));

/** An address with or without a prefix length; host bits may be set. */
export const cidr: ValueCheck<string> = (value) => complaintOf(() => parseCidrLoose(value));
export const cidrV4 = unlessEmpty(ofFamily(4, cidr));
export const cidrV6 = unlessEmpty(ofFamily(6, cidr));

/** The /32 or /128 of an address. */
export const hostNet: ValueCheck<string> = (value) => {
  const complaint = net(value);
  if (complaint !== undefined) return complaint;
  const length = value.split('/')[1];
  return length === undefined || length === (familyOf(value) === 4 ? '32' : '128')
    ? undefined
    : 'must be the network of one address: /32 or /128';
};

export const mac: ValueCheck<string> = unlessEmpty((value) => complaintOf(() => parseMac(value)));

/** `1.2.3.4`, `fd00::1`, `1.2.3.4:179` or `[fd00::1]:179`. */
export const ipAndPort: ValueCheck<string> = unlessEmpty((value) =>
  splitIpPort(value) === undefined ? 'must be an IP address, "a.b.c.d:port" or "[v6]:port"' : undefined,
);

/** The address and port of `ip`, `a.b.c.d:port` or `[v6]:port`; undefined where it is none of them. */
export function splitIpPort(value: string): { readonly ip: string; readonly port?: number } | undefined {
  const bare = tryParseIp(value);
  if (bare !== undefined) return { ip: bare };
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(value);
  if (match === null) return undefined;
  const [, v6, v4, portText] = match;
  const address = tryParseIp(v6 ?? v4 ?? '');
  const port = Number(portText);
  if (address === undefined || port < 1 || port > 65535 || familyOf(address) !== (v6 === undefined ? 4 : 6))
    return undefined;
  return { ip: address, port };
}

/** A Curve25519 key: 32 bytes in base64. */
export const wireguardKey: ValueCheck<string> = (value) =>
  value === '' || /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(value)
    ? undefined
    : 'must be a WireGuard key: 32 bytes in base64';
