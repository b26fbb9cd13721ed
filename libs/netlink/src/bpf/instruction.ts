/**
 * An assembler for the eBPF instruction set (RFC 9669): as much of it as a packet filter needs. Pure.
 *
 * Numbers are little-endian: constants that packets are compared with have to be swapped by whoever writes them.
 */

/** r0 results, r1-r5 arguments, r6-r9 kept over calls, r10 the frame's end, which is read only. */
export type Register = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10;
/** Bytes of a load or store. */
export type Width = 1 | 2 | 4 | 8;
/** Unsigned comparisons; `set`: some bit is in both. */
export type Condition = keyof typeof conditions;
/** What the second operand may be. */
export type Operand = number | { readonly register: Register };

export interface Instruction {
  readonly opcode: number;
  readonly destination?: Register;
  /** A register, or for a wide load the sort of constant. */
  readonly source?: number;
  readonly offset?: number;
  readonly immediate?: number;
  /** Where a jump goes: to the label of that name. */
  readonly target?: string;
  /** Takes the place of two. */
  readonly isWide?: true;
}

/** A place that jumps go to. */
export interface Label {
  readonly label: string;
}

export const INSTRUCTION_BYTES = 8;

/** Opcode parts (RFC 9669 sections 3 to 5). */
const LDX = 0x61;
const ST = 0x62;
const STX = 0x63;
const ALU64 = 0x07;
const JUMP = 0x05;
const FROM_REGISTER = 0x08;
const WIDE_LOAD = 0x18;
const MAP_BY_FD = 1;
const CALL = 0x85;
const EXIT = 0x95;
const widths: Readonly<Record<Width, number>> = { 4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18 };
const arithmetic = { add: 0x00, and: 0x50, shiftLeft: 0x60, move: 0xb0 } as const;
const conditions = { '==': 0x10, '>': 0x20, set: 0x40, '!=': 0x50, '<': 0xa0 } as const;

const compute =
  (operation: keyof typeof arithmetic) =>
  (destination: Register, operand: Operand): Instruction =>
    withOperand({ opcode: ALU64 | arithmetic[operation], destination }, operand);

export const move = compute('move');
export const add = compute('add');
export const and = compute('and');
export const shiftLeft = compute('shiftLeft');

/** destination = *(base + offset) */
export function load(width: Width, destination: Register, base: Register, offset: number): Instruction {
  return { opcode: LDX | widths[width], destination, source: base, offset };
}

/** *(base + offset) = value */
export function store(width: Width, base: Register, offset: number, value: Operand): Instruction {
  if (typeof value === 'number') return { opcode: ST | widths[width], destination: base, offset, immediate: value };
  return { opcode: STX | widths[width], destination: base, offset, source: value.register };
}

/** A map as a helper function wants it; the kernel replaces the file descriptor by the map's address. */
export function loadMap(destination: Register, fd: number): Instruction {
  return { opcode: WIDE_LOAD, destination, source: MAP_BY_FD, immediate: fd, isWide: true };
}

export function jumpIf(destination: Register, condition: Condition, operand: Operand, target: string): Instruction {
  return { ...withOperand({ opcode: JUMP | conditions[condition], destination }, operand), target };
}

export function jump(target: string): Instruction {
  return { opcode: JUMP, target };
}

export function label(name: string): Label {
  return { label: name };
}

/** A helper function by its number (`enum bpf_func_id`). */
export function call(helper: number): Instruction {
  return { opcode: CALL, immediate: helper };
}

export const exit: Instruction = Object.freeze({ opcode: EXIT });

/** bpf_map_lookup_elem: r1 the map, r2 the key's address; r0 the value's address or 0. */
export const MAP_LOOKUP = 1;

/** The instructions' bytes. Throws a RangeError for a jump to nowhere, or one too far. */
export function assemble(program: readonly (Instruction | Label)[]): Uint8Array {
  const places = new Map<string, number>();
  let length = 0;
  for (const item of program) {
    if ('label' in item) places.set(item.label, length);
    else length += item.isWide === true ? 2 : 1;
  }
  const view = new DataView(new ArrayBuffer(length * INSTRUCTION_BYTES));
  let at = 0;
  for (const item of program) {
    if ('label' in item) continue;
    const start = at * INSTRUCTION_BYTES;
    at += item.isWide === true ? 2 : 1;
    view.setUint8(start, item.opcode);
    view.setUint8(start + 1, ((item.source ?? 0) << 4) | (item.destination ?? 0));
    view.setInt16(start + 2, item.target === undefined ? (item.offset ?? 0) : distance(places, item.target, at), true);
    view.setInt32(start + 4, item.immediate ?? 0, true);
  }
  return new Uint8Array(view.buffer);
}

function withOperand(instruction: Instruction, operand: Operand): Instruction {
  if (typeof operand === 'number') return { ...instruction, immediate: operand };
  return { ...instruction, opcode: instruction.opcode | FROM_REGISTER, source: operand.register };
}

/** Jumps count from the instruction behind them. */
function distance(places: ReadonlyMap<string, number>, target: string, next: number): number {
  const place = places.get(target);
  if (place === undefined) throw new RangeError(`there is no label '${target}'`);
  if (place - next > 0x7fff || place - next < -0x8000) throw new RangeError(`the jump to '${target}' is too far`);
  return place - next;
}
