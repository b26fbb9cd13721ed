import { viewOf } from '../attribute-writer.ts';
import { loadNative } from '../native/load.ts';
import { BpfError } from './bpf-error.ts';
import { BPF_NAME_BYTES } from './numbers.ts';

/** One command's `union bpf_attr`, by byte offsets (include/uapi/linux/bpf.h). What is not written is zero. */
export class BpfAttribute {
  readonly bytes: Uint8Array;
  readonly buffers: Uint8Array[] = [];
  readonly places: number[] = [];
  readonly #view: DataView;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = viewOf(this.bytes);
  }

  u32(offset: number, value: number): this {
    this.#view.setUint32(offset, value, true);
    return this;
  }

  /** The memory's address; what the kernel writes there is in it after the call. */
  pointer(offset: number, memory: Uint8Array): this {
    this.buffers.push(memory);
    this.places.push(0, offset);
    return this;
  }

  /** The address of `inner` within memory that the attribute points to itself. */
  pointerWithin(memory: Uint8Array, offset: number, inner: Uint8Array): this {
    this.buffers.push(inner);
    this.places.push(this.buffers.indexOf(memory) + 1, offset);
    return this;
  }

  /** An object's name: letters, digits, `_` and `.`, at most 15. */
  objectName(offset: number, name: string): this {
    this.bytes.set(new TextEncoder().encode(name).subarray(0, BPF_NAME_BYTES - 1), offset);
    return this;
  }

  /** What the kernel has written there. */
  readU32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }
}

/** The call's result, or the negative errno. */
export function tryBpf(command: number, { bytes, buffers, places }: BpfAttribute): number {
  return loadNative().bpf(command, bytes, buffers, Uint8Array.from(places));
}

/** The call's result. Throws a BpfError that says what was to be done. */
export function callBpf(operation: string, command: number, attribute: BpfAttribute): number {
  const result = tryBpf(command, attribute);
  if (result < 0) throw new BpfError(operation, -result);
  return result;
}

/** The text of a NUL-padded name. */
export function readObjectName(bytes: Uint8Array, offset: number): string {
  const name = bytes.subarray(offset, offset + BPF_NAME_BYTES);
  const end = name.indexOf(0);
  return new TextDecoder().decode(end < 0 ? name : name.subarray(0, end));
}
