/** Numbers of include/uapi/linux/netfilter/nf_tables.h and nfnetlink.h, by nf_tables' own names. */

/** NFNL_SUBSYS_NFTABLES. */
const SUBSYSTEM = 10;

/** The message type of an nf_tables message as it stands in the netlink header. */
function subsystemType(message: number): number {
  return (SUBSYSTEM << 8) | message;
}

/** NFNL_MSG_BATCH_*: not of nf_tables' subsystem. */
export const batchType = { begin: 0x10, end: 0x11 } as const;

/** enum nf_tables_msg_types. */
export const messageType = {
  newTable: subsystemType(0),
  getTable: subsystemType(1),
  deleteTable: subsystemType(2),
  newChain: subsystemType(3),
  getChain: subsystemType(4),
  deleteChain: subsystemType(5),
  newRule: subsystemType(6),
  getRule: subsystemType(7),
  deleteRule: subsystemType(8),
  newSet: subsystemType(9),
  getSet: subsystemType(10),
  deleteSet: subsystemType(11),
  newSetElement: subsystemType(12),
  getSetElement: subsystemType(13),
  deleteSetElement: subsystemType(14),
  newGeneration: subsystemType(15),
  getGeneration: subsystemType(16),
  trace: subsystemType(17),
  newFlowTable: subsystemType(22),
  getFlowTable: subsystemType(23),
  deleteFlowTable: subsystemType(24),
} as const;

/** NFNLGRP_NFTABLES. */
export const NFTABLES_GROUP = 7;

/** NFNLGRP_NFTRACE. */
export const TRACE_GROUP = 9;

export const tableAttribute = { name: 1, flags: 2, use: 3, handle: 4 } as const;

/** NFT_TABLE_F_DORMANT. */
export const TABLE_DORMANT = 1;

/** NFT_TABLE_F_OWNER. */
export const TABLE_OWNER = 2;

export const chainAttribute = { table: 1, handle: 2, name: 3, hook: 4, policy: 5, use: 6, type: 7, flags: 10 } as const;

export const hookAttribute = { number: 1, priority: 2, device: 3 } as const;

/** NFTA_FLOWTABLE_*. */
export const flowTableAttribute = { table: 1, name: 2, hook: 3, flags: 7 } as const;

/** NFTA_FLOWTABLE_HOOK_*. */
export const flowTableHookAttribute = { number: 1, priority: 2, devices: 3 } as const;

/** NFTA_DEVICE_NAME. */
export const DEVICE_NAME = 1;

/** NFT_FLOWTABLE_COUNTER. */
export const FLOW_TABLE_COUNTER = 2;

export const ruleAttribute = {
  table: 1,
  chain: 2,
  handle: 3,
  expressions: 4,
  position: 6,
  userData: 7,
} as const;

export const setAttribute = {
  table: 1,
  name: 2,
  flags: 3,
  keyType: 4,
  keyLength: 5,
  dataType: 6,
  dataLength: 7,
  description: 9,
  id: 10,
  userData: 13,
  handle: 16,
} as const;

/** NFTA_TRACE_*. */
export const traceAttribute = {
  table: 1,
  chain: 2,
  ruleHandle: 3,
  type: 4,
  verdict: 5,
  id: 6,
  networkHeader: 8,
  transportHeader: 9,
  outInterface: 12,
  policy: 16,
} as const;

/** enum nft_trace_types. */
export const traceType = { policy: 1, return: 2, rule: 3 } as const;

export const setDescription = { size: 1, concat: 2 } as const;

export const elementListAttribute = { table: 1, set: 2, elements: 3, setId: 4 } as const;

export const elementAttribute = { key: 1, data: 2, flags: 3, expression: 7, keyEnd: 10 } as const;

export const dataAttribute = { value: 1, verdict: 2 } as const;

export const verdictAttribute = { code: 1, chain: 2 } as const;

/** NFTA_LIST_ELEM. */
export const LIST_ELEMENT = 1;

export const expressionAttribute = { name: 1, data: 2 } as const;

/** enum nft_set_flags. */
export const setFlag = { anonymous: 1, constant: 2, interval: 4, map: 8, concat: 128 } as const;

/** enum nft_set_elem_flags. */
export const elementFlag = { intervalEnd: 1, catchAll: 2 } as const;

/** NFT_DATA_VERDICT: the data type of verdict maps. */
export const VERDICT_DATA_TYPE = 0xffffff00;
