import { BpfError, BpfMap, BpfProgram, type BpfMapSpec } from '@calico-node/netlink/bpf';
import {
  decodeSourceKeys,
  encodeSourceKeys,
  FAILSAFE_KEY_BYTES,
  SOURCE_KEY_BYTES,
  type SourceKey,
} from './filter-keys.ts';
import { filterProgram } from './filter-program.ts';

/** The name tells ours from others', and whether it is this very program: another program needs another number. */
export const FILTER_NAME = 'calico_xdp_1';
const ownNames = /^calico_xdp_\d+$/;
/** Of Project Calico's Felix, whose place ours takes; the kernel cuts names after 15 characters. */
const calicoFilter = { program: 'prefilter', map: 'calico_prefilte' } as const;

/** As many as a set may have by default (MaxIpsetSize); memory is only taken for what there is. */
const MAX_SOURCES = 1_048_576;
const specs = {
  sources: {
    type: 'lpm-trie',
    name: 'cali_xdp_src',
    keyBytes: SOURCE_KEY_BYTES,
    valueBytes: 4,
    maxEntries: MAX_SOURCES,
  },
  failsafes: {
    type: 'hash',
    name: 'cali_xdp_safe',
    keyBytes: FAILSAFE_KEY_BYTES,
    valueBytes: 1,
    maxEntries: 65_536,
  },
  drops: { type: 'per-cpu-array', name: 'cali_xdp_drops', keyBytes: 4, valueBytes: 8, maxEntries: 1 },
} as const satisfies Record<string, BpfMapSpec>;

type Maps = Readonly<Record<keyof typeof specs, BpfMap>>;

/** What a program is that is found on an interface. */
export type FoundProgram =
  | { readonly kind: 'ours'; readonly filter: XdpFilter }
  /** Of another version, or of Project Calico's Felix. */
  | { readonly kind: 'replaceable'; readonly program: BpfProgram }
  | { readonly kind: 'foreign'; readonly name: string };

/** One interface's program with its maps. It stays in force when it is closed, and is found again by `identify`. */
export class XdpFilter implements Disposable {
  readonly #program: BpfProgram;
  readonly #maps: Maps;

  private constructor(program: BpfProgram, maps: Maps) {
    this.#program = program;
    this.#maps = maps;
  }

  /** A new one, that blocks nothing. Throws a BpfError. */
  static create(): XdpFilter {
    using opened = new DisposableStack();
    const sources = opened.use(BpfMap.create(specs.sources));
    const failsafes = opened.use(BpfMap.create(specs.failsafes));
    const drops = opened.use(BpfMap.create(specs.drops));
    const instructions = filterProgram({ sources: sources.fd, failsafes: failsafes.fd, drops: drops.fd });
    const program = BpfProgram.load({ type: 'xdp', name: FILTER_NAME, instructions, license: 'Apache-2.0' });
    opened.move();
    return new XdpFilter(program, { sources, failsafes, drops });
  }

  /** Looks who brought a program; `undefined` when it is gone. Throws a BpfError. */
  static identify(id: number): FoundProgram | undefined {
    const program = BpfProgram.openById(id);
    if (program === undefined) return undefined;
    using opened = new DisposableStack();
    opened.use(program);
    const { name, mapIds } = program.info;
    const maps = mapIds.flatMap((mapId) => BpfMap.openById(mapId) ?? []);
    for (const map of maps) opened.use(map);
    const isCalicos = name === calicoFilter.program && maps.some((map) => map.info.name === calicoFilter.map);
    if (!isCalicos && !ownNames.test(name)) return { kind: 'foreign', name };
    const named = (spec: BpfMapSpec): BpfMap | undefined => maps.find(({ info }) => info.name === spec.name);
    const [sources, failsafes, drops] = [named(specs.sources), named(specs.failsafes), named(specs.drops)];
    if (name === FILTER_NAME && sources !== undefined && failsafes !== undefined && drops !== undefined) {
      opened.move();
      return { kind: 'ours', filter: new XdpFilter(program, { sources, failsafes, drops }) };
    }
    for (const map of maps) map.close();
    opened.move();
    return { kind: 'replaceable', program };
  }

  get programId(): number {
    return this.#program.info.id;
  }

  get programFd(): number {
    return this.#program.fd;
  }

  /** Packets that it has dropped. */
  get drops(): number {
    const counts = this.#maps.drops.lookup(new Uint8Array(4)) ?? new Uint8Array();
    return Number(new BigUint64Array(counts.buffer).reduce((sum, count) => sum + count, 0n));
  }

  /** The networks that are blocked, as the kernel has them. */
  sources(): SourceKey[] {
    return decodeSourceKeys(this.#maps.sources.keys());
  }

  block(keys: readonly SourceKey[]): void {
    this.#maps.sources.setAll(encodeSourceKeys(keys), Uint8Array.of(1, 0, 0, 0));
  }

  unblock(keys: readonly SourceKey[]): void {
    this.#maps.sources.deleteAll(encodeSourceKeys(keys));
  }

  /** Lets these ports through and no others: what `failsafeKeys` gives. True: others were let through before. */
  setFailsafes(keys: Uint8Array): boolean {
    const { failsafes } = this.#maps;
    const before = splitKeys(failsafes.keys());
    const wanted = splitKeys(keys);
    const gone = [...before].filter((key) => !wanted.has(key));
    const come = [...wanted].filter((key) => !before.has(key));
    failsafes.setAll(joinKeys(come), Uint8Array.of(1));
    failsafes.deleteAll(joinKeys(gone));
    return gone.length + come.length > 0;
  }

  /** Runs the program on a frame; gives its verdict (`xdpAction`). */
  run(frame: Uint8Array, repeat?: number): ReturnType<BpfProgram['run']> {
    return this.#program.run(frame, repeat);
  }

  [Symbol.dispose](): void {
    this.#program.close();
    for (const map of Object.values(this.#maps)) map.close();
  }
}

/** No right to call bpf(2), or a kernel without it. */
export function isWithoutBpf(error: unknown): error is BpfError {
  return error instanceof BpfError && ['EPERM', 'ENOSYS'].includes(error.code);
}

function splitKeys(bytes: Uint8Array): ReadonlySet<number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return new Set(
    Array.from({ length: bytes.length / FAILSAFE_KEY_BYTES }, (_, index) => view.getUint32(index * FAILSAFE_KEY_BYTES)),
  );
}

function joinKeys(keys: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(keys.length * FAILSAFE_KEY_BYTES));
  keys.forEach((key, index) => {
    view.setUint32(index * FAILSAFE_KEY_BYTES, key);
  });
  return new Uint8Array(view.buffer);
}
