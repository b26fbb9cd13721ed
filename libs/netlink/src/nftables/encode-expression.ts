import { AttributeWriter } from '../attribute-writer.ts';
import type { SetElement } from './element.ts';
import type {
  AnonymousSet,
  AnonymousVerdictMap,
  Comparison,
  CtKey,
  Expression,
  MetaKey,
  Register,
} from './expression.ts';
import { familyNumber } from './family.ts';
import { dataAttribute, expressionAttribute, LIST_ELEMENT } from './numbers.ts';
import { writeVerdict } from './verdict.ts';

/** The name by which a transaction refers to an anonymous set before the kernel has named it. */
export const ANONYMOUS_SET_NAME = '__set%d';

/** The number that a transaction gave an anonymous set. */
export type SetIdOf = (set: AnonymousSet | AnonymousVerdictMap) => number;

/** enum nft_meta_keys. */
const metaKey: Readonly<Record<MetaKey | 'nftrace', number>> = {
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  nftrace: 12,
  nfproto: 15,
  l4proto: 16,
};

/** enum nft_ct_keys. */
const ctKey: Readonly<Record<CtKey, number>> = { state: 0, direction: 1, status: 2, mark: 3 };

/** enum nft_cmp_ops. */
const comparison: Readonly<Record<Comparison, number>> = { eq: 0, ne: 1, lt: 2, lte: 3, gt: 4, gte: 5 };

const payloadBase = { link: 0, network: 1, transport: 2 } as const;

const fibResult = { oif: 1, oifname: 2, addrtype: 3 } as const;

const fibFlag = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16 } as const;

const natType = { snat: 0, dnat: 1 } as const;

/** NF_NAT_RANGE_MAP_IPS and NF_NAT_RANGE_PROTO_SPECIFIED. */
const natRange = { address: 1, port: 2, fullyRandom: 16 } as const;

/** NFT_REJECT_ICMPX_UNREACH with NFT_REJECT_ICMPX_PORT_UNREACH serves both families. */
const rejectType = { 'port-unreachable': 2, 'tcp-reset': 1 } as const;
const ICMPX_PORT_UNREACHABLE = 1;

/** NFT_PAYLOAD_CSUM_INET, and where RFC 791 3.1 has the header's checksum. */
const CHECKSUM_INTERNET = 1;
const IPV4_CHECKSUM_OFFSET = 10;

/** Writes expressions as the members of an attribute list. */
export function writeExpressions(writer: AttributeWriter, expressions: readonly Expression[], setIdOf: SetIdOf): void {
  for (const expression of expressions) {
    writer.nested(LIST_ELEMENT, (element) => {
      element.string(expressionAttribute.name, kernelName[expression.type]);
      element.nested(expressionAttribute.data, (data) => {
        writeData(data, expression, setIdOf);
      });
    });
  }
}

const kernelName: Readonly<Record<Expression['type'], string>> = {
  meta: 'meta',
  'meta-set': 'meta',
  cmp: 'cmp',
  range: 'range',
  payload: 'payload',
  'payload-set': 'payload',
  bitwise: 'bitwise',
  ct: 'ct',
  'ct-set': 'ct',
  lookup: 'lookup',
  'verdict-map': 'lookup',
  map: 'lookup',
  immediate: 'immediate',
  verdict: 'immediate',
  counter: 'counter',
  nat: 'nat',
  masquerade: 'masq',
  fib: 'fib',
  log: 'log',
  limit: 'limit',
  'connection-limit': 'connlimit',
  reject: 'reject',
  notrack: 'notrack',
  'flow-offload': 'flow_offload',
  numgen: 'numgen',
};

function writeValue(writer: AttributeWriter, attribute: number, value: Uint8Array): void {
  writer.nested(attribute, (data) => data.bytes(dataAttribute.value, value));
}

function writeRegister(writer: AttributeWriter, attribute: number, register: Register | undefined): void {
  if (register !== undefined) writer.be32(attribute, register);
}

/** NFTA_META_*, NFTA_CMP_* and so on: each expression has its own numbering. */
function writeData(data: AttributeWriter, expression: Expression, setIdOf: SetIdOf): void {
  switch (expression.type) {
    case 'meta':
      data.be32(2, metaKey[expression.key]).be32(1, expression.register);
      return;
    case 'meta-set':
      data.be32(2, metaKey[expression.key]).be32(3, expression.register);
      return;
    case 'cmp':
      data.be32(1, expression.register).be32(2, comparison[expression.op]);
      writeValue(data, 3, expression.value);
      return;
    case 'range':
      data.be32(1, expression.register).be32(2, expression.negated ? 1 : 0);
      writeValue(data, 3, expression.from);
      writeValue(data, 4, expression.to);
      return;
    case 'payload':
      data.be32(1, expression.register).be32(2, payloadBase[expression.base]);
      data.be32(3, expression.offset).be32(4, expression.length);
      return;
    case 'payload-set':
      data.be32(5, expression.register).be32(2, payloadBase[expression.base]);
      data.be32(3, expression.offset).be32(4, expression.length);
      if (expression.checksum !== undefined) data.be32(6, CHECKSUM_INTERNET).be32(7, IPV4_CHECKSUM_OFFSET);
      return;
    case 'bitwise':
      data.be32(1, expression.register).be32(2, expression.register).be32(3, expression.mask.length);
      writeValue(data, 4, expression.mask);
      writeValue(data, 5, expression.xor);
      return;
    case 'ct':
      data.be32(2, ctKey[expression.key]).be32(1, expression.register);
      return;
    case 'ct-set':
      data.be32(2, ctKey[expression.key]).be32(4, expression.register);
      return;
    case 'lookup':
      if (typeof expression.set === 'string') data.string(1, expression.set);
      else data.string(1, ANONYMOUS_SET_NAME).be32(4, setIdOf(expression.set));
      data.be32(2, expression.register);
      if (expression.inverted) data.be32(5, 1);
      return;
    case 'verdict-map':
      if (typeof expression.set === 'string') data.string(1, expression.set);
      else data.string(1, ANONYMOUS_SET_NAME).be32(4, setIdOf(expression.set));
      data.be32(2, expression.register).be32(3, 0);
      return;
    case 'map':
      data.string(1, expression.set).be32(2, expression.register).be32(3, expression.destination);
      return;
    case 'immediate':
      data.be32(1, expression.register);
      writeValue(data, 2, expression.value);
      return;
    case 'verdict':
      data.be32(1, 0).nested(2, (value) => {
        writeVerdict(value, expression.verdict);
      });
      return;
    case 'counter':
      data.be64(1, 0n).be64(2, 0n);
      return;
    case 'nat':
      data.be32(1, natType[expression.kind]).be32(2, familyNumber[expression.family]);
      writeRegister(data, 3, expression.address);
      writeRegister(data, 4, expression.address);
      writeRegister(data, 5, expression.port?.min);
      writeRegister(data, 6, expression.port?.max);
      data.be32(
        7,
        (expression.address === undefined ? 0 : natRange.address) |
          (expression.port === undefined ? 0 : natRange.port) |
          (expression.fullyRandom === true ? natRange.fullyRandom : 0),
      );
      return;
    case 'masquerade': {
      const flags =
        (expression.port === undefined ? 0 : natRange.port) |
        (expression.fullyRandom === true ? natRange.fullyRandom : 0);
      if (flags !== 0) data.be32(1, flags);
      writeRegister(data, 2, expression.port?.min);
      writeRegister(data, 3, expression.port?.max);
      return;
    }
    case 'fib': {
      const flags = expression.flags.reduce((bits, flag) => bits | fibFlag[flag], 0);
      data.be32(1, expression.register).be32(2, fibResult[expression.result]).be32(3, flags);
      return;
    }
    case 'log':
      if (expression.group !== undefined) data.be16(1, expression.group);
      if (expression.prefix !== '') data.string(2, expression.prefix);
      if (expression.level !== undefined) data.be32(5, expression.level);
      return;
    case 'limit':
      data.be64(1, expression.rate).be64(2, expression.perSeconds).be32(3, expression.burst).be32(4, 0);
      if (expression.over) data.be32(5, 1);
      return;
    case 'connection-limit':
      data.be32(1, expression.count);
      if (expression.over) data.be32(2, 1);
      return;
    case 'reject':
      data.be32(1, rejectType[expression.with]);
      if (expression.with === 'port-unreachable') data.u8(2, ICMPX_PORT_UNREACHABLE);
      return;
    case 'flow-offload':
      data.string(1, expression.flowTable);
      return;
    case 'notrack':
      return;
    case 'numgen':
      data
        .be32(1, expression.register)
        .be32(2, expression.modulus)
        .be32(3, expression.mode === 'random' ? 1 : 0);
      return;
  }
}

/**
 * The expressions as bytes, anonymous sets included: equal exactly when the kernel would hold equal
 * rules, so that a digest of it can tell whether a rule has to be written.
 */
export function encodeExpressions(expressions: readonly Expression[]): Uint8Array {
  const writer = new AttributeWriter();
  writeExpressions(writer, expressions, () => 0);
  for (const expression of expressions) {
    const set = anonymousSetOf(expression);
    if (set === undefined) continue;
    const elements: readonly SetElement[] = set.elements;
    for (const element of elements) {
      writer.bytes(element.intervalEnd === true ? 1 : 0, element.key);
      if (element.keyEnd !== undefined) writer.bytes(2, element.keyEnd);
      const { verdict } = element;
      if (verdict !== undefined)
        writer.nested(3, (data) => {
          writeVerdict(data, verdict);
        });
    }
  }
  return writer.finish();
}

/** The set that exists only inside the expression's rule, if it has one. */
export function anonymousSetOf(expression: Expression): AnonymousSet | AnonymousVerdictMap | undefined {
  if (expression.type !== 'lookup' && expression.type !== 'verdict-map') return undefined;
  return typeof expression.set === 'string' ? undefined : expression.set;
}
