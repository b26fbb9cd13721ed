export type { TableFamily, TableId } from './family.ts';
export {
  conntrackStateBit,
  conntrackStatusBit,
  type AnonymousSet,
  type AnonymousVerdictMap,
  type Expression,
  type Register,
} from './expression.ts';
export { encodeExpressions } from './encode-expression.ts';
export type { ElementKey, SetElement } from './element.ts';
export { intervalElements, readIntervals, type Interval } from './interval.ts';
export { concatKey, interfaceNameKey, keyLayout, splitKey, type KeyFieldName, type SetType } from './set-type.ts';
export {
  Transaction,
  type BaseChain,
  type ChainHook,
  type FlowTableSpec,
  type RuleSpec,
  type SetSpec,
} from './transaction.ts';
export type { Verdict } from './verdict.ts';
export type { KernelChain, KernelFlowTable, KernelRule, KernelSet, KernelTable } from './decode.ts';
export { NftablesError, type RefusedChange } from './nftables-error.ts';
export { NftablesSocket } from './nftables-socket.ts';
export { NftablesTrace, type TracedPacket, type TraceOptions, type TraceStep } from './nftables-trace.ts';
export { NftablesMonitor, type NftablesEvent, type NftablesMonitorOptions } from './nftables-monitor.ts';
