/**
 * The table `inet calico-flows`: established connections of workloads are put into a flow table, and the kernel forwards
 * their packets from one interface to the other, past all chains. Its one chain comes behind those of the packet filter,
 * so that it sees only what those let through.
 *
 *   ingress hook of the devices ─ known connection? ─ yes ─► out
 *                                                   └ no ──► ... ─► filter chains ─► ours: into the flow table
 */
import { createHash } from 'node:crypto';
import { familyOf, ipFromBytes, ipToBytes, type Family, type IpAddress } from '@calico-node/net';
import {
  conntrackStateBit,
  encodeExpressions,
  Transaction,
  type Expression,
  type NftablesSocket,
  type RuleSpec,
  type SetElement,
} from '@calico-node/netlink/nftables';
import { flowTableId } from './remove-flow-table.ts';

const families = [4, 6] as const;

const FLOW_TABLE = 'workloads';
const CHAIN = 'forward';
/** Behind the filter chains, which are at 0. */
const CHAIN_PRIORITY = 10;
/** The first at ingress: what is known needs nothing else. */
const INGRESS_PRIORITY = 0;

/** What the table is to hold, or holds. */
export interface FlowTableContent {
  /** Interfaces from which known connections' packets take the short way. */
  readonly devices: ReadonlySet<string>;
  /** Addresses whose connections all packets must pass the chains of. */
  readonly limited: ReadonlySet<IpAddress>;
  /** The kernel goes on to count connections' packets. */
  readonly isCounting: boolean;
}

export interface FlowRuleOptions {
  readonly families: readonly Family[];
  /** Starts of the names of workload interfaces. */
  readonly prefixes: readonly string[];
}

/** The whole table made anew, in one transaction: connections that it had go back to the chains. */
export function makeFlowTable(
  { devices, limited, isCounting }: FlowTableContent,
  rules: readonly RuleSpec[],
  isThere: boolean,
): Transaction {
  const transaction = new Transaction(flowTableId);
  if (isThere) transaction.deleteTable();
  const table = { name: FLOW_TABLE, devices: [...devices], priority: INGRESS_PRIORITY, isCounting };
  transaction.addTable().addFlowTable(table);
  for (const family of families) {
    transaction.addSet({ name: setOf(family), type: [addressType[family]] });
    transaction.addElements(setOf(family), elementsOf(limited, family));
  }
  transaction.addChain(CHAIN, { type: 'filter', hook: 'forward', priority: CHAIN_PRIORITY, policy: 'accept' });
  for (const rule of rules) transaction.addRule(CHAIN, rule);
  return transaction;
}

/** What is put into the table, and may be in it again. */
export interface FlowTableGain {
  readonly devices: readonly string[];
  /** Addresses that are not limited any more. */
  readonly freed: readonly IpAddress[];
  readonly isCounting: boolean;
}

/** Adds devices, and takes limits away. Connections that are in the table stay there. */
export function extendFlowTable({ devices, freed, isCounting }: FlowTableGain): Transaction {
  const transaction = new Transaction(flowTableId);
  if (devices.length > 0)
    transaction.addFlowTable({ name: FLOW_TABLE, devices, priority: INGRESS_PRIORITY, isCounting });
  for (const family of families) transaction.deleteElements(setOf(family), elementsOf(freed, family));
  return transaction;
}

/** What the kernel has; undefined where it has no table, or one of other rules. */
export function readFlowTable(socket: NftablesSocket, rules: readonly RuleSpec[]): FlowTableContent | undefined {
  const table = socket.listFlowTables(flowTableId).find(({ name }) => name === FLOW_TABLE);
  const chain = socket.listChains(flowTableId).find(({ name }) => name === CHAIN);
  if (table === undefined || chain?.base?.hook !== 'forward' || chain.base.priority !== CHAIN_PRIORITY)
    return undefined;
  const comments = socket.listRules(flowTableId).map(({ comment }) => comment);
  const isSame = comments.length === rules.length && rules.every(({ comment }, index) => comment === comments[index]);
  if (!isSame) return undefined;
  const limited = families.flatMap((family) => socket.listElements(flowTableId, setOf(family)));
  return {
    devices: new Set(table.devices),
    limited: new Set(limited.map(({ key }) => ipFromBytes(key))),
    isCounting: table.isCounting,
  };
}

/** Each with a comment by which it is known again. */
export function flowRules({ families: policed, prefixes }: FlowRuleOptions): readonly RuleSpec[] {
  const rules: (readonly Expression[])[] = [
    [
      { type: 'ct', key: 'state', register: 1 },
      { type: 'bitwise', register: 1, mask: word(conntrackStateBit.established), xor: word(0) },
      { type: 'cmp', register: 1, op: 'eq', value: word(0) },
      leave,
    ],
    ...families.flatMap((family) => (policed.includes(family) ? limitedRules(family) : [[...ofFamily(family), leave]])),
    ...prefixes.flatMap((prefix) => (['iifname', 'oifname'] as const).map((key) => offloadRule(key, prefix))),
  ];
  const digest = createHash('sha224');
  for (const rule of rules) digest.update(encodeExpressions(rule));
  const fingerprint = digest.digest('base64url').slice(0, 16);
  return rules.map((expressions, index) => ({ expressions, comment: `cali:${fingerprint}.${index}` }));
}

const leave: Expression = { type: 'verdict', verdict: { kind: 'return' } };

function limitedRules(family: Family): readonly (readonly Expression[])[] {
  const length = family === 4 ? 4 : 16;
  const [source, destination] = family === 4 ? [12, 16] : [8, 24];
  return [source, destination].map((offset) => [
    ...ofFamily(family),
    { type: 'payload', base: 'network', offset, length, register: 1 },
    { type: 'lookup', set: setOf(family), register: 1, inverted: false },
    leave,
  ]);
}

function offloadRule(key: 'iifname' | 'oifname', prefix: string): readonly Expression[] {
  return [
    { type: 'meta', key, register: 1 },
    { type: 'cmp', register: 1, op: 'eq', value: new TextEncoder().encode(prefix) },
    { type: 'flow-offload', flowTable: FLOW_TABLE },
  ];
}

/** NFPROTO_IPV4 and NFPROTO_IPV6. */
function ofFamily(family: Family): readonly Expression[] {
  return [
    { type: 'meta', key: 'nfproto', register: 1 },
    { type: 'cmp', register: 1, op: 'eq', value: Uint8Array.of(family === 4 ? 2 : 10) },
  ];
}

const addressType = { 4: 'ipv4_addr', 6: 'ipv6_addr' } as const;

function setOf(family: Family): string {
  return `limited${family}`;
}

function elementsOf(addresses: Iterable<IpAddress>, family: Family): readonly SetElement[] {
  return [...addresses].filter((ip) => familyOf(ip) === family).map((ip) => ({ key: ipToBytes(ip) }));
}

/** In the host's order, as registers have what the kernel computes. */
function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}
