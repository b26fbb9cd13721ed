import type { KeyByteOrder } from './user-data.ts';

interface KeyField {
  /** nft's data type number; only its listing looks at it. */
  readonly dataType: number;
  readonly bytes: number;
  readonly byteOrder: KeyByteOrder;
}

/** The parts that keys are made of, by nft's names of data types. */
const fields = {
  ipv4_addr: { dataType: 7, bytes: 4, byteOrder: 'network' },
  ipv6_addr: { dataType: 8, bytes: 16, byteOrder: 'network' },
  inet_proto: { dataType: 12, bytes: 1, byteOrder: 'network' },
  inet_service: { dataType: 13, bytes: 2, byteOrder: 'network' },
  mark: { dataType: 19, bytes: 4, byteOrder: 'host' },
  ifname: { dataType: 41, bytes: 16, byteOrder: 'host' },
} as const satisfies Record<string, KeyField>;

export type KeyFieldName = keyof typeof fields;

/** What a set's keys are: one field, or the concatenation of several. */
export type SetType = readonly [KeyFieldName, ...KeyFieldName[]];

/** A set's key as the kernel and nft's listing need it described. */
export interface KeyLayout {
  /** NFTA_SET_KEY_TYPE: of a concatenation, 6 bits per field. */
  readonly dataType: number;
  /** Of the whole key, each field of a concatenation padded to 4 bytes. */
  readonly bytes: number;
  readonly byteOrder: KeyByteOrder;
  /** Unpadded lengths of a concatenation's fields; empty for a single field. */
  readonly fieldBytes: readonly number[];
}

/** Describes the key of a set type. */
export function keyLayout(type: SetType): KeyLayout {
  const [first, ...rest] = type;
  if (rest.length === 0) {
    const { dataType, bytes, byteOrder } = fields[first];
    return { dataType, bytes, byteOrder, fieldBytes: [] };
  }
  const parts = type.map((name) => fields[name]);
  return {
    dataType: parts.reduce((number, part) => (number << 6) | part.dataType, 0),
    bytes: parts.reduce((sum, part) => sum + padded(part.bytes), 0),
    byteOrder: 'mixed',
    fieldBytes: parts.map((part) => part.bytes),
  };
}

/** Joins a concatenation's field values into its key. Throws when a value has not its field's length. */
export function concatKey(type: SetType, values: readonly Uint8Array[]): Uint8Array {
  const key = new Uint8Array(keyLayout(type).bytes);
  let at = 0;
  for (const [index, name] of type.entries()) {
    const value = values[index];
    const { bytes } = fields[name];
    if (value?.length !== bytes) throw new RangeError(`a ${name} has ${bytes} bytes, not ${value?.length ?? 0}`);
    key.set(value, at);
    at += padded(bytes);
  }
  return key;
}

/** Cuts a concatenation's key into its fields' values. */
export function splitKey(type: SetType, key: Uint8Array): readonly Uint8Array[] {
  let at = 0;
  return type.map((name) => {
    const { bytes } = fields[name];
    const value = key.slice(at, at + bytes);
    at += padded(bytes);
    return value;
  });
}

function padded(bytes: number): number {
  return (bytes + 3) & ~3;
}

/** An interface name as a key or a value to compare with: 16 bytes, zero-filled. Names are at most 15 bytes. */
export function interfaceNameKey(name: string): Uint8Array {
  const key = new Uint8Array(16);
  const text = new TextEncoder().encode(name);
  if (text.length > 15) throw new RangeError(`${JSON.stringify(name)} is too long for an interface name`);
  key.set(text);
  return key;
}
