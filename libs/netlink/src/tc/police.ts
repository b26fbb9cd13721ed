import type { AttributeWriter } from '../attribute-writer.ts';
import type { Attributes } from '../attributes.ts';
import { PSCHED_TICK_NS } from './token-bucket.ts';

/**
 * The action `police` (net/sched/act_police.c): packets within a token bucket go on, others are dropped at once, since
 * there is no queue.
 */
export interface Policer {
  /** Bytes per second, at least 1. */
  readonly rate: number;
  /** Bytes. A packet larger than this never passes, nor does one that the kernel will cut into segments later. */
  readonly burst: number;
}

export const POLICE = 'police';
/** TCA_POLICE_* (include/uapi/linux/pkt_cls.h). */
const attribute = { parameters: 1, rateTable: 2, rate64: 8 } as const;
/** `struct tc_police`: index, action, limit, burst, mtu, two `struct tc_ratespec`, refcnt, bindcnt, capab. */
const PARAMETER_BYTES = 56;
const offset = { action: 4, burst: 12, mtu: 16, cellLog: 20, linkLayer: 21, rate: 28 } as const;
/** TC_ACT_SHOT, for what exceeds. */
const DROP = 2;
/** TC_LINKLAYER_ETHERNET: the kernel reckons by itself, but wants a table of times all the same. */
const ETHERNET = 1;
const RATE_TABLE_BYTES = 1024;
const CELL_LOG = 3;
const MAX_U32 = 0xffff_ffff;

export function writePolicer(options: AttributeWriter, { rate, burst }: Policer): void {
  const parameters = new Uint8Array(PARAMETER_BYTES);
  const view = new DataView(parameters.buffer);
  view.setInt32(offset.action, DROP, true);
  view.setUint32(offset.burst, Math.min(MAX_U32, Math.ceil((burst * 1e9) / rate / PSCHED_TICK_NS)), true);
  view.setUint32(offset.mtu, MAX_U32, true);
  view.setUint8(offset.cellLog, CELL_LOG);
  view.setUint8(offset.linkLayer, ETHERNET);
  view.setUint32(offset.rate, Math.min(rate, MAX_U32), true);
  options.bytes(attribute.parameters, parameters).bytes(attribute.rateTable, new Uint8Array(RATE_TABLE_BYTES));
  if (rate > MAX_U32) options.u64(attribute.rate64, BigInt(rate));
}

/** The kernel keeps a burst as the time that it takes, in ticks: compare what comes back by `isSamePolicer`. */
export function readPolicer(options: Attributes): Policer | undefined {
  const parameters = options.bytes(attribute.parameters);
  if (parameters === undefined || parameters.length < PARAMETER_BYTES) return undefined;
  const view = new DataView(parameters.buffer, parameters.byteOffset, parameters.byteLength);
  const rate = Number(options.u64(attribute.rate64) ?? BigInt(view.getUint32(offset.rate, true)));
  return { rate, burst: Math.round((view.getUint32(offset.burst, true) * PSCHED_TICK_NS * rate) / 1e9) };
}

/** Whether the kernel makes no difference between them. */
export function isSamePolicer(a: Policer, b: Policer): boolean {
  const tick = (2 * a.rate * PSCHED_TICK_NS) / 1e9;
  return a.rate === b.rate && Math.abs(a.burst - b.burst) <= Math.max(1, a.burst / 1000, tick);
}
