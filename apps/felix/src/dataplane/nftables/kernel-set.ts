import { cidrOf, ipFromBytes, ipToBytes, lastIp, splitCidr, type Cidr, type Family } from '@calico-node/net';
import {
  concatKey,
  interfaceNameKey,
  intervalElements,
  keyLayout,
  readIntervals,
  splitKey,
  type KernelSet,
  type SetElement,
  type SetSpec,
  type SetType,
} from '@calico-node/netlink/nftables';
import { ipPortMember, namedPortProtocols, splitIpPortMember, type IpPortMember } from '../../calc/ip-set.ts';
import { DeltaTracker } from '../delta-tracker.ts';
import { portBytes } from './render-match.ts';
import { rulePortMember, rulePortsType, splitRulePortMember } from './rule-ports.ts';

/**
 * How members of a set read and how the kernel holds them. A member is its canonical text; a verdict map's
 * entry has the name of the chain as its value, other sets' members have ''.
 */
interface MemberCodec {
  readonly type: SetType;
  readonly interval: boolean;
  readonly isVerdictMap: boolean;
  encode(member: string, value: string): SetElement[];
  decode(elements: readonly SetElement[]): (readonly [string, string])[];
}

function hostCodec(family: Family): MemberCodec {
  return {
    type: [family === 4 ? 'ipv4_addr' : 'ipv6_addr'],
    interval: false,
    isVerdictMap: false,
    encode: (member) => [{ key: ipToBytes(splitCidr(member as Cidr).ip) }],
    decode: (elements) => elements.map(({ key }) => [cidrOf(ipFromBytes(key), key.length * 8), '']),
  };
}

/** Networks, and whatever ranges somebody else put in, as `<first>-<last>` in hex. */
function netCodec(family: Family): MemberCodec {
  return {
    type: [family === 4 ? 'ipv4_addr' : 'ipv6_addr'],
    interval: true,
    isVerdictMap: false,
    encode: (member) => intervalElements(member.includes('/') ? cidrInterval(member as Cidr) : hexInterval(member)),
    decode: (elements) => readIntervals(elements).map(({ first, last }) => [intervalText(first, last), '']),
  };
}

function portCodec(family: Family): MemberCodec {
  const type: SetType = [family === 4 ? 'ipv4_addr' : 'ipv6_addr', 'inet_proto', 'inet_service'];
  return {
    type,
    interval: false,
    isVerdictMap: false,
    encode: (member) => {
      if (member.startsWith('0x')) return [{ key: Buffer.from(member.slice(2), 'hex') }];
      const { ip, protocol, port } = splitIpPortMember(member as IpPortMember);
      return [{ key: concatKey(type, [ipToBytes(ip), Uint8Array.of(protocol), portBytes(port)]) }];
    },
    decode: (elements) => elements.map(({ key }) => [portMemberText(type, key), '']),
  };
}

const rulePortsCodec: MemberCodec = {
  type: rulePortsType,
  interval: false,
  isVerdictMap: false,
  encode: (member) => {
    const { number, protocol, port } = splitRulePortMember(member);
    return [
      {
        key: concatKey(rulePortsType, [
          number.subarray(0, 4),
          number.subarray(4),
          Uint8Array.of(protocol),
          portBytes(port),
        ]),
      },
    ];
  },
  decode: (elements) =>
    elements.map(({ key }) => {
      const [first, second, protocol, port] = splitKey(rulePortsType, key);
      const number = Buffer.concat([first ?? noBytes, second ?? noBytes]);
      return [rulePortMember(number, protocol?.[0] ?? 0, ((port?.[0] ?? 0) << 8) | (port?.[1] ?? 0)), ''];
    }),
};

const noBytes = new Uint8Array();

/** Interface names to chains to go to. */
const dispatchCodec: MemberCodec = {
  type: ['ifname'],
  interval: false,
  isVerdictMap: true,
  encode: (member, chain) => [{ key: interfaceNameKey(member), verdict: { kind: 'goto', chain } }],
  decode: (elements) =>
    elements.map(({ key, verdict }) => {
      const name = Buffer.from(key).toString('utf8').replace(/\0+$/, '');
      return [name, verdict?.kind === 'goto' ? verdict.chain : `(${verdict?.kind ?? 'none'})`];
    }),
};

export type KernelSetKind = 'hosts' | 'nets' | 'ports' | 'rule-ports' | 'dispatch';

/** A set or verdict map of our table: what should be in it, and what is. */
export class KernelSetState {
  readonly name: string;
  readonly members = new DeltaTracker<string, string>();
  readonly #codec: MemberCodec;

  constructor(name: string, kind: KernelSetKind, family: Family) {
    this.name = name;
    this.#codec = codecOf(kind, family);
  }

  get spec(): SetSpec {
    const { type, interval, isVerdictMap } = this.#codec;
    return { name: this.name, type, interval, isVerdictMap };
  }

  /** Whether the kernel's set of this name can hold our members. */
  fits(kernel: KernelSet): boolean {
    const { type, interval, isVerdictMap } = this.#codec;
    const layout = keyLayout(type);
    return (
      kernel.isInterval === interval &&
      kernel.isMap === isVerdictMap &&
      kernel.keyType === layout.dataType &&
      kernel.keyBytes === layout.bytes
    );
  }

  takeActual(elements: readonly SetElement[]): void {
    this.members.replaceActual(this.#codec.decode(elements));
  }

  /** The elements to add for these entries. */
  encode(entries: readonly (readonly [string, string])[]): SetElement[] {
    return entries.flatMap(([member, value]) => this.#codec.encode(member, value));
  }

  /** The elements to delete for these entries: keys alone, since a verdict may name a chain that is going too. */
  encodeKeys(entries: readonly (readonly [string, string])[]): SetElement[] {
    return this.encode(entries).map(({ key, intervalEnd }) => (intervalEnd === true ? { key, intervalEnd } : { key }));
  }
}

function codecOf(kind: KernelSetKind, family: Family): MemberCodec {
  switch (kind) {
    case 'hosts':
      return hostCodec(family);
    case 'nets':
      return netCodec(family);
    case 'ports':
      return portCodec(family);
    case 'rule-ports':
      return rulePortsCodec;
    case 'dispatch':
      return dispatchCodec;
  }
}

function cidrInterval(cidr: Cidr): { first: Uint8Array; last: Uint8Array } {
  return { first: ipToBytes(splitCidr(cidr).ip), last: ipToBytes(lastIp(cidr)) };
}

function hexInterval(text: string): { first: Uint8Array; last: Uint8Array } {
  const [first = '', last = ''] = text.split('-');
  return { first: Buffer.from(first, 'hex'), last: Buffer.from(last, 'hex') };
}

/** The network that the interval is, if it is one. */
function intervalText(first: Uint8Array, last: Uint8Array): string {
  let prefixLength = 0;
  const bitOf = (bytes: Uint8Array, index: number): number => ((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1;
  const bits = first.length * 8;
  while (prefixLength < bits && bitOf(first, prefixLength) === bitOf(last, prefixLength)) prefixLength++;
  for (let index = prefixLength; index < bits; index++) {
    if (bitOf(first, index) !== 0 || bitOf(last, index) !== 1) {
      return `${Buffer.from(first).toString('hex')}-${Buffer.from(last).toString('hex')}`;
    }
  }
  return cidrOf(ipFromBytes(first), prefixLength);
}

const protocolName = new Map(
  (Object.keys(namedPortProtocols) as (keyof typeof namedPortProtocols)[]).map((name) => [
    namedPortProtocols[name],
    name,
  ]),
);

/** A member's text; of a key that is none of ours, its bytes. */
function portMemberText(type: SetType, key: Uint8Array): string {
  const [ip, protocolByte, port] = splitKey(type, key);
  const protocol = [...protocolName].find(([number]) => number === protocolByte?.[0])?.[1];
  if (ip === undefined || port === undefined || protocol === undefined) return `0x${Buffer.from(key).toString('hex')}`;
  return ipPortMember(ipFromBytes(ip), protocol, ((port[0] ?? 0) << 8) | (port[1] ?? 0));
}
