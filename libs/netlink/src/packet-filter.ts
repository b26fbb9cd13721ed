/** One instruction of a classic packet filter (linux/filter.h, `struct sock_filter`). */
export interface FilterInstruction {
  readonly code: number;
  /** How many instructions a jump passes over when its condition holds, and when not. */
  readonly ifTrue?: number;
  readonly ifFalse?: number;
  readonly k: number;
}

/** linux/bpf_common.h. Loads from the packet come in network order. */
export const filterCode = { loadByte: 0x30, loadWord: 0x20, jumpIfAtLeast: 0x35, jumpIfEqual: 0x15, result: 0x06 };

/** What a filter returns for a packet that passes, whole, and for one that does not. */
export const filterResult = { pass: 0xffffffff, drop: 0 };

/** The program in the kernel's layout, for `NativeTable.attachFilter`. */
export function encodeFilter(program: readonly FilterInstruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * program.length));
  for (const [index, { code, ifTrue = 0, ifFalse = 0, k }] of program.entries()) {
    view.setUint16(8 * index, code, true);
    view.setUint8(8 * index + 2, ifTrue);
    view.setUint8(8 * index + 3, ifFalse);
    view.setUint32(8 * index + 4, k, true);
  }
  return new Uint8Array(view.buffer);
}
