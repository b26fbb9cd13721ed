import type { Family } from '@calico-node/net';

/** Message types (include/uapi/linux/rtnetlink.h). */
export const rtm = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
  newRule: 32,
  deleteRule: 33,
  getRule: 34,
  newNetconf: 80,
} as const;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;

export function addressFamily(family: Family): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** `undefined` for what is neither IPv4 nor IPv6. */
export function familyOfNumber(value: number): Family | undefined {
  if (value === AF_INET) return 4;
  return value === AF_INET6 ? 6 : undefined;
}

/** The name that a table has for a number. */
export function nameOf<Name extends string>(table: Readonly<Record<Name, number>>, value: number): Name | undefined {
  for (const name in table) {
    if (table[name] === value) return name;
  }
  return undefined;
}
