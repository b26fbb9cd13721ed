export type { Branded } from './brand.ts';
export { NetParseError, type NetParseErrorCode } from './net-parse-error.ts';
export {
  addressBits,
  addToIp,
  compareIp,
  familyOf,
  ipFromBigInt,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  parseIp,
  tryParseIp,
  writeIp,
  type Family,
  type IpAddress,
} from './ip.ts';
export {
  cidrContains,
  cidrOf,
  cidrSize,
  cidrsOverlap,
  compareCidr,
  hostCidr,
  lastIp,
  parseCidr,
  parseCidrLoose,
  parseInterfaceAddress,
  splitCidr,
  tryParseCidr,
  tryParseCidrLoose,
  type Cidr,
  type CidrParts,
  type InterfaceAddress,
} from './cidr.ts';
export { PrefixTrie, type PrefixEntry } from './prefix-trie.ts';
export { macFromBytes, macToBytes, parseMac, type Mac } from './mac.ts';
export { parseAsn, type Asn } from './asn.ts';
export { parseWireguardKey, wireguardKeyFromBytes, wireguardKeyToBytes, type WireguardKey } from './wireguard-key.ts';
export { parseNodeName, type NodeName } from './node-name.ts';
