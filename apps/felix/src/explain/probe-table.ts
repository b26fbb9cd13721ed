/**
 * The table that a probe needs in nf_tables, whichever packet filter has policy: it marks the probe for tracing before
 * anybody else sees it, and takes it away behind everybody else, so that it gets to nobody and becomes no connection.
 */
import type { PolicyPacket } from '@calico-node/policy';
import { Transaction, type BaseChain, type Expression, type TableId } from '@calico-node/netlink/nftables';
import { cookieOffset, type ProbeMark } from './probe-packet.ts';

type ProbeChain = 'arrived' | 'sent' | 'reached' | 'left';

/** Before raw (-300), and defragmentation (-400). */
const FIRST = -450;
/** Behind all else but the kernel's own confirmation of the connection (INT_MAX). */
const LAST = 1_000_000;

const chains: Readonly<Record<ProbeChain, BaseChain>> = {
  arrived: { type: 'filter', hook: 'prerouting', priority: FIRST, policy: 'accept' },
  sent: { type: 'filter', hook: 'output', priority: FIRST, policy: 'accept' },
  reached: { type: 'filter', hook: 'input', priority: LAST, policy: 'accept' },
  left: { type: 'filter', hook: 'postrouting', priority: LAST, policy: 'accept' },
};

export const PROBE_TABLE = 'calico-probe';

function probeTableOf({ family }: PolicyPacket): TableId {
  return { family: family === 4 ? 'ip' : 'ip6', name: PROBE_TABLE };
}

/** Makes the table; it is gone with the socket that commits this. */
export function probeTable(packet: PolicyPacket, mark: ProbeMark): Transaction {
  const transaction = new Transaction(probeTableOf(packet)).addTable({ owned: true });
  const isProbe = matches(packet, mark);
  const trace: readonly Expression[] = [
    { type: 'immediate', register: 1, value: Uint8Array.of(1) },
    { type: 'meta-set', key: 'nftrace', register: 1 },
  ];
  const take: readonly Expression[] = [{ type: 'verdict', verdict: { kind: 'drop' } }];
  for (const [name, base] of Object.entries(chains)) {
    const effect = base.priority === FIRST ? trace : take;
    transaction.addChain(name, base).addRule(name, { expressions: [...isProbe, ...effect] });
  }
  return transaction;
}

function matches({ family, protocol }: PolicyPacket, { id, cookie }: ProbeMark): readonly Expression[] {
  const be = new DataView(new ArrayBuffer(6));
  be.setUint16(0, id);
  be.setUint32(2, cookie);
  const idBytes = new Uint8Array(be.buffer, 0, 2);
  const cookieBytes = new Uint8Array(be.buffer, 2, 4);
  return [
    { type: 'meta', key: 'l4proto', register: 1 },
    { type: 'cmp', register: 1, op: 'eq', value: Uint8Array.of(protocol) },
    { type: 'payload', base: 'network', offset: family === 4 ? 4 : 2, length: 2, register: 1 },
    { type: 'cmp', register: 1, op: 'eq', value: idBytes },
    { type: 'payload', base: 'transport', offset: cookieOffset(protocol), length: 4, register: 1 },
    { type: 'cmp', register: 1, op: 'eq', value: cookieBytes },
  ];
}
