import type { Family } from '@calico-node/net';
import { readAttributes } from '../attributes.ts';
import { viewOf } from '../attribute-writer.ts';
import type { NetlinkMessage } from '../message.ts';
import { familyOfNumber, rtm } from './kernel-numbers.ts';

/** NETCONFA_* (include/uapi/linux/netconf.h). */
const netconfAttribute = { interfaceIndex: 1, forwarding: 2, rpFilter: 3, proxyNeighbours: 5 } as const;
/** NETCONFA_IFINDEX_ALL. */
const ALL_INTERFACES = -1;
const NETCONF_HEADER_BYTES = 4;

/** Those of an interface's settings that the kernel tells of when they are written; each only when it is told of. */
export interface InterfaceSettings {
  readonly family: Family;
  /** `all`: of the host itself (`net.ipv4.conf.all`), where forwarding is `net.ipv4.ip_forward`. */
  readonly interfaceIndex: number | 'all';
  readonly forwarding?: number;
  /** IPv4 alone has it. */
  readonly rpFilter?: number;
  /** `proxy_arp` or `proxy_ndp`. */
  readonly proxyNeighbours?: number;
}

/** Reads an RTM_NEWNETCONF message; `undefined` for others, and for the settings of interfaces that are yet to come. */
export function decodeSettings({ type, body }: NetlinkMessage): InterfaceSettings | undefined {
  if (type !== rtm.newNetconf || body.length < NETCONF_HEADER_BYTES) return undefined;
  const family = familyOfNumber(viewOf(body).getUint8(0));
  const attributes = readAttributes(body, NETCONF_HEADER_BYTES);
  const word = (attribute: number): number | undefined => {
    const bytes = attributes.bytes(attribute);
    return bytes?.length === 4 ? viewOf(bytes).getInt32(0, true) : undefined;
  };
  const index = word(netconfAttribute.interfaceIndex);
  if (family === undefined || index === undefined || index < ALL_INTERFACES) return undefined;
  const forwarding = word(netconfAttribute.forwarding);
  const rpFilter = word(netconfAttribute.rpFilter);
  const proxyNeighbours = word(netconfAttribute.proxyNeighbours);
  return {
    family,
    interfaceIndex: index === ALL_INTERFACES ? 'all' : index,
    ...(forwarding === undefined ? {} : { forwarding }),
    ...(rpFilter === undefined ? {} : { rpFilter }),
    ...(proxyNeighbours === undefined ? {} : { proxyNeighbours }),
  };
}
