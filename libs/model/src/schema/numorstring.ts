import { parseAsn, type Asn } from '@calico-node/net';
import { goJsonStringify } from '../go/go-json.ts';
import type { Schema } from './schema.ts';

/*
 * Calico's `numorstring` types: JSON numbers or strings that mean one thing.
 */

/** An IP protocol: a number, or one of the names in `PROTOCOL_NUMBERS`. */
export type Protocol = string | number;

/** The protocols that have names in the API, with their IANA numbers. */
export const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, ICMP: 1, ICMPv6: 58, SCTP: 132, UDPLite: 136 } as const;

const NUMBERS_BY_LOWER_NAME = new Map(
  Object.entries(PROTOCOL_NUMBERS).map(([name, number]) => [name.toLowerCase(), number]),
);

/** The protocol's number; names in any case, as older records have them. Undefined for a name that is none. */
export function protocolNumber(protocol: Protocol): number | undefined {
  if (typeof protocol === 'number') return protocol;
  if (/^[0-9]{1,3}$/.test(protocol)) return Number(protocol);
  return NUMBERS_BY_LOWER_NAME.get(protocol.toLowerCase());
}

/** Whether ports mean anything to it: TCP, UDP and SCTP. */
export function protocolHasPorts(protocol: Protocol): boolean {
  const number = protocolNumber(protocol);
  return number === 6 || number === 17 || number === 132;
}

/** Names are held to the API's spelling; a number may be text. */
function isProtocol(value: Protocol): boolean {
  if (typeof value === 'string' && !/^[0-9]+$/.test(value)) return Object.hasOwn(PROTOCOL_NUMBERS, value);
  return Number(value) >= 1 && Number(value) <= 255;
}

export const protocol: Schema<Protocol> = {
  typeName: 'Protocol',
  parse(input, place, context) {
    if (typeof input === 'number') {
      if (!Number.isInteger(input) || input < 0 || input > 255)
        return context.fail(place, input, 'must be a protocol number from 1 to 255');
    } else if (typeof input !== 'string') {
      return context.fail(place, input, 'must be a protocol name or number');
    }
    if (context.mode.runsChecks && !isProtocol(input)) {
      context.report(place, input, `must be ${Object.keys(PROTOCOL_NUMBERS).join(', ')} or a number from 1 to 255`);
    }
    return input;
  },
  encode: goJsonStringify,
  isEmpty: () => false,
  isZero: (value) => value === 0,
  zero: () => 0,
};

/** A port number, a range `"low:high"`, or the name of an endpoint's port. */
export type Port = string | number;

export type PortMatch =
  | { readonly type: 'range'; readonly min: number; readonly max: number }
  | { readonly type: 'named'; readonly name: string };

/** What a port in its stored form matches. */
export function portMatchOf(value: Port): PortMatch {
  if (typeof value === 'number') return { type: 'range', min: value, max: value };
  const range = /^([0-9]{1,5}):([0-9]{1,5})$/.exec(value);
  return range ? { type: 'range', min: Number(range[1]), max: Number(range[2]) } : { type: 'named', name: value };
}

function readPort(input: unknown): Port | string {
  if (typeof input === 'number') return input;
  if (typeof input !== 'string') return '';
  if (/^[0-9]+$/.test(input)) return Number(input);
  const range = /^([0-9]+):([0-9]+)$/.exec(input);
  if (range === null) return input;
  const [min, max] = [Number(range[1]), Number(range[2])];
  return min === max ? min : `${min}:${max}`;
}

export const port: Schema<Port> = {
  typeName: 'Port',
  parse(input, place, context) {
    const value = readPort(input);
    const match = portMatchOf(value);
    if (match.type === 'named') {
      return /^[a-zA-Z0-9_.-]{1,128}$/.test(match.name)
        ? value
        : context.fail(place, input, 'must be a port number, a range "low:high" or a port name');
    }
    const { min, max } = match;
    if (!Number.isInteger(min) || min < 0 || max > 65535 || min > max) {
      return context.fail(place, input, 'must be a port from 1 to 65535, or a range "low:high" of them');
    }
    if (context.mode.runsChecks && min < 1) context.report(place, input, 'must not be port 0');
    return value;
  },
  encode: goJsonStringify,
  isEmpty: () => false,
  isZero: (value) => value === 0,
  zero: () => 0,
};

/** An AS number, from a JSON number or string ("64512", "1.10"); printed as a number. */
export const asNumber: Schema<Asn> = {
  typeName: 'ASNumber',
  parse(input, place, context) {
    if (typeof input === 'number' || typeof input === 'string') {
      try {
        return parseAsn(input);
      } catch {
        // Reported below, with the place.
      }
    }
    return context.fail(place, input, 'must be an AS number such as 64512 or "1.10"');
  },
  encode: String,
  isEmpty: (value) => value === 0,
  isZero: (value) => value === 0,
  zero: () => parseAsn(0),
};

/** A DiffServ code point: 0 to 63, or one of the names in `DSCP_VALUES`. */
export type Dscp = string | number;

/** The named code points (RFC 2474, 2597, 3246). */
export const DSCP_VALUES: Readonly<Record<string, number>> = Object.fromEntries([
  ['DF', 0],
  ['EF', 46],
  ...[1, 2, 3, 4].flatMap((x) => [1, 2, 3].map((y): [string, number] => [`AF${x}${y}`, x * 8 + y * 2])),
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((x): [string, number] => [`CS${x}`, x * 8]),
]);

/** Reads a code point as Calico does: digits, or a name in letters of any case; `undefined` for anything else. */
export function parseDscp(text: string): Dscp | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) <= 63 ? Number(text) : undefined;
  const name = text.trim().toUpperCase();
  return Object.hasOwn(DSCP_VALUES, name) ? name : undefined;
}

export const dscp: Schema<Dscp> = {
  typeName: 'DSCP',
  parse(input, place, context) {
    const value = typeof input === 'string' || typeof input === 'number' ? parseDscp(String(input)) : undefined;
    return value ?? context.fail(place, input, 'must be 0 to 63, or a DSCP name such as EF or AF11');
  },
  encode: goJsonStringify,
  isEmpty: () => false,
  isZero: (value) => value === 0,
  zero: () => 0,
};
