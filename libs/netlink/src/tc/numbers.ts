/** Message types of traffic control (include/uapi/linux/rtnetlink.h). */
export const tcMessage = {
  newQdisc: 36,
  deleteQdisc: 37,
  getQdisc: 38,
  newFilter: 44,
  deleteFilter: 45,
  getFilter: 46,
} as const;

/** Where a qdisc hangs, TC_H_* (include/uapi/linux/pkt_sched.h). */
export const tcParent = {
  /** What an interface sends passes through the qdisc here. */
  root: 0xffff_ffff,
  /** The place of `ingress` and `clsact`. */
  ingress: 0xffff_fff1,
  /** Filters of what an interface receives, of `ingress` and of `clsact`. */
  ingressFilters: 0xffff_fff2,
} as const;

/** The handle that `ingress` and `clsact` always have. */
export const INGRESS_HANDLE = 0xffff_0000;

/** TCA_*. */
export const tcAttribute = { kind: 1, options: 2, statistics: 7 } as const;

/** `struct tcmsg`. */
export const TC_HEADER_BYTES = 20;

export interface TcHeader {
  readonly interfaceIndex: number;
  readonly handle: number;
  readonly parent: number;
  /** Of a filter: priority in the upper half, protocol in network order in the lower. */
  readonly info: number;
}

export function encodeTcHeader({ interfaceIndex, handle, parent, info }: TcHeader): Uint8Array {
  const header = new Uint8Array(TC_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setInt32(4, interfaceIndex, true);
  view.setUint32(8, handle, true);
  view.setUint32(12, parent, true);
  view.setUint32(16, info, true);
  return header;
}

/** `undefined` when the body is too short for one. */
export function decodeTcHeader(body: Uint8Array): TcHeader | undefined {
  if (body.length < TC_HEADER_BYTES) return undefined;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return {
    interfaceIndex: view.getInt32(4, true),
    handle: view.getUint32(8, true),
    parent: view.getUint32(12, true),
    info: view.getUint32(16, true),
  };
}
