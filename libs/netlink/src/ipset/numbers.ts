/** Numbers of the kernel's include/uapi/linux/netfilter/ipset/ip_set.h. */

/** NFNL_SUBSYS_IPSET in the high byte of a message's type. */
const SUBSYSTEM = 6 << 8;

export const messageType = {
  create: SUBSYSTEM | 2,
  destroy: SUBSYSTEM | 3,
  swap: SUBSYSTEM | 6,
  list: SUBSYSTEM | 7,
  add: SUBSYSTEM | 9,
  delete: SUBSYSTEM | 10,
  type: SUBSYSTEM | 13,
} as const;

export const PROTOCOL = 7;

export const commandAttribute = {
  protocol: 1,
  setName: 2,
  typeName: 3,
  /** The other set of a swap has the number of the type's name. */
  otherSetName: 3,
  revision: 4,
  family: 5,
  flags: 6,
  data: 7,
  members: 8,
  lineNumber: 9,
} as const;

export const dataAttribute = { ip: 1, cidr: 3, port: 4, protocol: 7, maxElements: 19, elements: 24 } as const;

/** Within `dataAttribute.ip`. */
export const addressAttribute = { 4: 1, 6: 2 } as const;

/** Integers of more than one byte say that they are in network order (NLA_F_NET_BYTEORDER). */
export const NETWORK_ORDER = 0x4000;

/** IPSET_FLAG_LIST_HEADER: no members. */
export const LIST_HEADERS = 4;

/** IPSET_ERR_BUSY and IPSET_ERR_REFERENCED: a rule or another set refers to it. */
export const inUse: readonly number[] = [4100, 4109];

/** IPSET_ERR_*: what ipset answers beyond the C library's errors. */
export const ipsetError = new Map([
  [4097, 'protocol error'],
  [4098, 'no such set type'],
  [4099, 'too many sets'],
  [4100, 'the set is in use'],
  [4101, 'a set of that name exists'],
  [4102, 'the sets are of different types'],
  [4103, 'the member is there already, or is not there'],
  [4104, 'bad prefix length'],
  [4106, 'bad address family'],
  [4109, 'the set is in use'],
  [4352, 'the set is full'],
]);
