import { familyOf, NetParseError, parseCidr, parseCidrLoose, tryParseIp, type Family } from '@calico-node/net';
import { noted, type ValueCheck } from '../schema/schema.ts';

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
  return noted(`${check.note ?? ''} of IPv${family}`, (value: string) => {
    if (value === '') return undefined;
    return check(value) ?? (familyOf(value) === family ? undefined : `must be of IPv${family}`);
  });
}

/** An address. */
export const ip = noted('an IP address', (value: string) =>
  value === '' || tryParseIp(value) !== undefined ? undefined : `"${value}" is not an IP address`,
);
export const ipv4 = ofFamily(4, ip);
export const ipv6 = ofFamily(6, ip);

/** A network whose host bits are zero; the prefix length must be there. */
export const strictCidr = noted('a network with its prefix length, host bits zero', (value: string) =>
  complaintOf(() => parseCidr(value)),
);

/** An address, or a network whose host bits are zero. */
export const net = noted('an address, or a network with host bits zero', (value: string) =>
  complaintOf(() => (value.includes('/') ? parseCidr(value) : parseCidrLoose(value))),
);
export const netV4 = ofFamily(4, net);
export const netV6 = ofFamily(6, net);

/** An address with or without a prefix length; host bits may be set. */
export const cidr = noted('an address or a network', (value: string) => complaintOf(() => parseCidrLoose(value)));
export const cidrV4 = ofFamily(4, cidr);
export const cidrV6 = ofFamily(6, cidr);

/** The /32 or /128 of an address. */
export const hostNet = noted('an address, or its network: /32 or /128', (value: string) => {
  const complaint = net(value);
  if (complaint !== undefined) return complaint;
  const length = value.split('/')[1];
  return length === undefined || length === (familyOf(value) === 4 ? '32' : '128')
    ? undefined
    : 'must be the network of one address: /32 or /128';
});

/** Hex pairs by ":" or "-", or groups of four digits by "."; 6, 8 or 20 bytes, as Go's `net.ParseMAC` takes. */
const MAC =
  /^[0-9a-f]{2}(?:(?::[0-9a-f]{2}){5}(?:(?::[0-9a-f]{2}){2}(?:(?::[0-9a-f]{2}){12})?)?|(?:-[0-9a-f]{2}){5}(?:(?:-[0-9a-f]{2}){2}(?:(?:-[0-9a-f]{2}){12})?)?|[0-9a-f]{2}(?:\.[0-9a-f]{4}){2}(?:\.[0-9a-f]{4}(?:(?:\.[0-9a-f]{4}){6})?)?)$/i;

export const mac = noted('a MAC address', (value: string) =>
  value === '' || MAC.test(value) ? undefined : `"${value}" is not a MAC address`,
);

const IP_AND_PORT = 'an IP address, "a.b.c.d:port" or "[v6]:port"';

/** `1.2.3.4`, `fd00::1`, `1.2.3.4:179` or `[fd00::1]:179`. */
export const ipAndPort = noted(IP_AND_PORT, (value: string) =>
  value === '' || splitIpPort(value) !== undefined ? undefined : `must be ${IP_AND_PORT}`,
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
export const wireguardKey = noted('a WireGuard key: 32 bytes in base64', (value: string) =>
  value === '' || /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(value)
    ? undefined
    : 'must be a WireGuard key: 32 bytes in base64',
);
