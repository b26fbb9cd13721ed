import { viewOf } from '../attribute-writer.ts';
import { loadNative } from '../native/load.ts';
import { BpfAttribute, callBpf, readObjectName, tryBpf } from './bpf-call.ts';
import { BpfError } from './bpf-error.ts';
import { INSTRUCTION_BYTES } from './instruction.ts';
import { bpfCommand, bpfProgramType } from './numbers.ts';

export interface BpfProgramSpec {
  readonly type: keyof typeof bpfProgramType;
  /** At most 15 letters, digits and `_`. */
  readonly name: string;
  /** What `assemble` gives. */
  readonly instructions: Uint8Array;
  /** As SPDX names it: some helper functions are for the GPL's programs only. */
  readonly license: string;
}

export interface BpfProgramInfo {
  readonly id: number;
  readonly name: string;
  readonly mapIds: readonly number[];
}

export interface BpfTestRun {
  /** What the program returned. */
  readonly result: number;
  /** Mean of the repetitions. */
  readonly nanoseconds: number;
}

const INFO_BYTES = 208;
const MAX_MAPS = 64;
const LOG_BYTES = 64 * 1024;
const EAGAIN = 11;
const ENOENT = 2;
const EPERM = 1;

/** A program of the kernel's, open: it lives as long as somebody has it open or it is attached. */
export class BpfProgram implements Disposable {
  readonly fd: number;
  readonly info: BpfProgramInfo;

  private constructor(fd: number) {
    this.fd = fd;
    this.info = readProgramInfo(fd);
  }

  /** Throws a BpfError, with the verifier's log when that refused it. */
  static load(spec: BpfProgramSpec): BpfProgram {
    const operation = `load program ${spec.name}`;
    const result = tryLoad(spec);
    if (result >= 0) return new BpfProgram(result);
    if (result === -EPERM) throw new BpfError(operation, -result);
    const log = new Uint8Array(LOG_BYTES);
    const again = tryLoad(spec, log);
    if (again >= 0) return new BpfProgram(again);
    throw new BpfError(operation, -again, new TextDecoder().decode(log.subarray(0, log.indexOf(0))));
  }

  /** `undefined` when there is no such program any more. */
  static openById(id: number): BpfProgram | undefined {
    const fd = tryBpf(bpfCommand.programById, new BpfAttribute(12).u32(0, id));
    if (fd === -ENOENT) return undefined;
    if (fd < 0) throw new BpfError(`open program ${id}`, -fd);
    return new BpfProgram(fd);
  }

  /** Runs it on a packet without sending that anywhere. */
  run(packet: Uint8Array, repeat = 1): BpfTestRun {
    const attribute = new BpfAttribute(80).u32(0, this.fd).u32(8, packet.length).pointer(16, packet).u32(32, repeat);
    callBpf(`run program ${this.info.name}`, bpfCommand.programTestRun, attribute);
    return { result: attribute.readU32(4), nanoseconds: attribute.readU32(36) };
  }

  close(): void {
    loadNative().close(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function tryLoad(spec: BpfProgramSpec, log?: Uint8Array): number {
  const attribute = new BpfAttribute(72)
    .u32(0, bpfProgramType[spec.type])
    .u32(4, spec.instructions.length / INSTRUCTION_BYTES)
    .pointer(8, spec.instructions)
    .pointer(16, new TextEncoder().encode(`${spec.license}\0`))
    .objectName(48, spec.name);
  if (log !== undefined) attribute.u32(24, 1).u32(28, log.length).pointer(32, log);
  // The verifier gives up when a signal comes.
  for (let attempt = 1; ; attempt++) {
    const result = tryBpf(bpfCommand.programLoad, attribute);
    if (result !== -EAGAIN || attempt === 5) return result;
  }
}

/** `struct bpf_prog_info`. The kernel is told for how many maps' ids there is room, and says how many it has. */
function readProgramInfo(fd: number): BpfProgramInfo {
  const info = new Uint8Array(INFO_BYTES);
  const ids = new Uint8Array(MAX_MAPS * 4);
  const view = viewOf(info);
  view.setUint32(52, MAX_MAPS, true);
  const attribute = new BpfAttribute(16).u32(0, fd).u32(4, info.length).pointer(8, info).pointerWithin(info, 56, ids);
  callBpf('read program', bpfCommand.infoByFd, attribute);
  const mapCount = Math.min(view.getUint32(52, true), MAX_MAPS);
  return {
    id: view.getUint32(4, true),
    name: readObjectName(info, 64),
    mapIds: Array.from({ length: mapCount }, (_, index) => viewOf(ids).getUint32(index * 4, true)),
  };
}
