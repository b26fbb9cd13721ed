import { viewOf } from '../attribute-writer.ts';
import { loadNative } from '../native/load.ts';
import { BpfAttribute, callBpf, readObjectName, tryBpf } from './bpf-call.ts';
import { BpfError } from './bpf-error.ts';
import { BPF_NO_PREALLOC, bpfCommand, bpfMapType } from './numbers.ts';
import { possibleCpus } from './possible-cpus.ts';

export interface BpfMapSpec {
  readonly type: keyof typeof bpfMapType;
  /** At most 15 letters, digits and `_`. */
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly maxEntries: number;
}

export interface BpfMapInfo {
  readonly id: number;
  /** `enum bpf_map_type`. */
  readonly type: number;
  readonly name: string;
  readonly keyBytes: number;
  readonly valueBytes: number;
}

const INFO_BYTES = 88;
/** Entries of one call: some 10 ms of the kernel's work at most. */
const BATCH_ENTRIES = 4096;
/** Kernels before 5.6, or with maps that know no batches: ENOTSUPP is the kernel's own. */
const withoutBatches: readonly number[] = [22, 95, 524];
const ENOENT = 2;

/** A map of the kernel's, open: it lives as long as somebody has it open or a program uses it. */
export class BpfMap implements Disposable {
  readonly fd: number;
  readonly info: BpfMapInfo;
  #usesBatches: boolean;

  private constructor(fd: number, usesBatches: boolean) {
    this.fd = fd;
    this.info = readMapInfo(fd);
    this.#usesBatches = usesBatches;
  }

  /** Throws a BpfError. `usesBatches: false`: one call an entry, as on old kernels. */
  static create(spec: BpfMapSpec, { usesBatches = true } = {}): BpfMap {
    const attribute = new BpfAttribute(72)
      .u32(0, bpfMapType[spec.type])
      .u32(4, spec.keyBytes)
      .u32(8, spec.valueBytes)
      .u32(12, spec.maxEntries)
      .u32(16, spec.type === 'per-cpu-array' ? 0 : BPF_NO_PREALLOC)
      .objectName(28, spec.name);
    return new BpfMap(callBpf(`create map ${spec.name}`, bpfCommand.mapCreate, attribute), usesBatches);
  }

  /** `undefined` when there is no such map any more. */
  static openById(id: number): BpfMap | undefined {
    const fd = tryBpf(bpfCommand.mapById, new BpfAttribute(12).u32(0, id));
    if (fd === -ENOENT) return undefined;
    if (fd < 0) throw new BpfError(`open map ${id}`, -fd);
    return new BpfMap(fd, true);
  }

  /** The key's value; of a per-CPU map, all processors' values behind each other, each a multiple of 8 bytes long. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    const { type, valueBytes } = this.info;
    const isPerCpu = type === bpfMapType['per-cpu-array'];
    const value = new Uint8Array(isPerCpu ? Math.ceil(valueBytes / 8) * 8 * possibleCpus() : valueBytes);
    const attribute = new BpfAttribute(32).u32(0, this.fd).pointer(8, key).pointer(16, value);
    const result = tryBpf(bpfCommand.mapLookup, attribute);
    if (result === -ENOENT) return undefined;
    if (result < 0) throw new BpfError(this.#operation('look up in'), -result);
    return value;
  }

  /** All keys, behind each other. What changes meanwhile may be missed or told twice. */
  keys(): Uint8Array {
    return this.#usesBatches ? (this.#keysByBatches() ?? this.#keysOneByOne()) : this.#keysOneByOne();
  }

  /** Sets the keys, which stand behind each other, to one value. Throws at the first that fails; those before are set. */
  setAll(keys: Uint8Array, value: Uint8Array): void {
    this.#forBatches(
      keys,
      (batch, count) => {
        const values = new Uint8Array(count * value.length);
        for (let at = 0; at < values.length; at += value.length) values.set(value, at);
        return this.#batch(bpfCommand.mapUpdateBatch, batch, count, values);
      },
      (key) => {
        const attribute = new BpfAttribute(32).u32(0, this.fd).pointer(8, key).pointer(16, value);
        return tryBpf(bpfCommand.mapUpdate, attribute);
      },
    );
  }

  /** Takes the keys away, which stand behind each other. One that is not there is as good as gone. */
  deleteAll(keys: Uint8Array): void {
    this.#forBatches(
      keys,
      (batch, count) => this.#batch(bpfCommand.mapDeleteBatch, batch, count),
      (key) => {
        const result = tryBpf(bpfCommand.mapDelete, new BpfAttribute(16).u32(0, this.fd).pointer(8, key));
        return result === -ENOENT ? 0 : result;
      },
    );
  }

  close(): void {
    loadNative().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #operation(what: string): string {
    return `${what} map ${this.info.name}`;
  }

  /** Batch by batch; from the first that stopped on, or where there are no batches, key by key up to its end. */
  #forBatches(
    keys: Uint8Array,
    ofBatch: (batch: Uint8Array, count: number) => { readonly done: number; readonly result: number },
    ofKey: (key: Uint8Array) => number,
  ): void {
    const { keyBytes } = this.info;
    const total = keys.length / keyBytes;
    for (let start = 0; start < total; start += BATCH_ENTRIES) {
      const count = Math.min(BATCH_ENTRIES, total - start);
      let at = start;
      if (this.#usesBatches) {
        const { done, result } = ofBatch(keys.subarray(start * keyBytes, (start + count) * keyBytes), count);
        if (result >= 0) continue;
        if (done === 0 && withoutBatches.includes(-result)) this.#usesBatches = false;
        at += done;
      }
      for (; at < start + count; at++) {
        const result = ofKey(keys.subarray(at * keyBytes, (at + 1) * keyBytes));
        if (result < 0) throw new BpfError(this.#operation('change'), -result);
      }
    }
  }

  #batch(command: number, keys: Uint8Array, count: number, values?: Uint8Array): { done: number; result: number } {
    const attribute = new BpfAttribute(56).pointer(16, keys).u32(32, count).u32(36, this.fd);
    if (values !== undefined) attribute.pointer(24, values);
    const result = tryBpf(command, attribute);
    return { result, done: result < 0 ? Math.min(attribute.readU32(32), count) % (count + 1) : count };
  }

  /** `undefined`: the kernel has no batches of this map's sort. */
  #keysByBatches(): Uint8Array | undefined {
    const { keyBytes, valueBytes } = this.info;
    const found: Uint8Array[] = [];
    let position: Uint8Array | undefined;
    for (;;) {
      const keys = new Uint8Array(BATCH_ENTRIES * keyBytes);
      const next = new Uint8Array(Math.max(keyBytes, 4));
      const attribute = new BpfAttribute(56).pointer(8, next).pointer(16, keys).u32(32, BATCH_ENTRIES).u32(36, this.fd);
      attribute.pointer(24, new Uint8Array(BATCH_ENTRIES * valueBytes));
      if (position !== undefined) attribute.pointer(0, position);
      const result = tryBpf(bpfCommand.mapLookupBatch, attribute);
      if (found.length === 0 && withoutBatches.includes(-result)) {
        this.#usesBatches = false;
        return undefined;
      }
      if (result < 0 && result !== -ENOENT) throw new BpfError(this.#operation('list'), -result);
      found.push(keys.subarray(0, attribute.readU32(32) * keyBytes));
      if (result === -ENOENT) return joined(found);
      position = next;
    }
  }

  #keysOneByOne(): Uint8Array {
    const found: Uint8Array[] = [];
    for (;;) {
      const next = new Uint8Array(this.info.keyBytes);
      const attribute = new BpfAttribute(24).u32(0, this.fd).pointer(16, next);
      const before = found.at(-1);
      if (before !== undefined) attribute.pointer(8, before);
      const result = tryBpf(bpfCommand.mapNextKey, attribute);
      if (result === -ENOENT) return joined(found);
      if (result < 0) throw new BpfError(this.#operation('list'), -result);
      found.push(next);
    }
  }
}

/** `struct bpf_map_info` */
function readMapInfo(fd: number): BpfMapInfo {
  const info = new Uint8Array(INFO_BYTES);
  const attribute = new BpfAttribute(16).u32(0, fd).u32(4, info.length).pointer(8, info);
  callBpf('read map', bpfCommand.infoByFd, attribute);
  const view = viewOf(info);
  return {
    type: view.getUint32(0, true),
    id: view.getUint32(4, true),
    keyBytes: view.getUint32(8, true),
    valueBytes: view.getUint32(12, true),
    name: readObjectName(info, 24),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
