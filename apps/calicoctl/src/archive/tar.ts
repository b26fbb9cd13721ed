/*
 * Headers of a tar archive in the format that POSIX.1-2001 calls ustar; names too long for it go into a pax
 * header before the file's own.
 */
const BLOCK = 512;
const NAME_LENGTH = 100;

export interface TarEntry {
  /** Relative, with `/`; no `/` at the end, also of a directory. */
  readonly name: string;
  /** In bytes; 0 for a directory. */
  readonly size: number;
  readonly modifiedSeconds: number;
  readonly isDirectory: boolean;
}

/** What stands before an entry's bytes. */
export function tarHeader(entry: TarEntry): Uint8Array {
  const name = entry.isDirectory ? `${entry.name}/` : entry.name;
  const bytes = encode(name);
  if (bytes.length <= NAME_LENGTH) return ustar(bytes, entry, entry.isDirectory ? '5' : '0');
  const record = paxRecord('path', name);
  return concat([
    ustar(encode('pax-header'), { ...entry, size: record.length }, 'x'),
    record,
    padding(record.length),
    ustar(bytes.subarray(0, NAME_LENGTH), entry, entry.isDirectory ? '5' : '0'),
  ]);
}

/** What stands behind the bytes of a file of this size. */
export function padding(size: number): Uint8Array {
  return new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK);
}

/** What stands at the end of the archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * BLOCK);
}

type Flag = '0' | '5' | 'x';

function ustar(name: Uint8Array, { size, modifiedSeconds }: TarEntry, flag: Flag): Uint8Array {
  const header = new Uint8Array(BLOCK);
  const text = (offset: number, value: string): void => {
    header.set(encode(value), offset);
  };
  const octal = (offset: number, digits: number, value: number): void => {
    text(offset, Math.floor(value).toString(8).padStart(digits, '0'));
  };
  header.set(name, 0);
  text(100, flag === '5' ? '0000755' : '0000644');
  octal(108, 7, 0);
  octal(116, 7, 0);
  octal(124, 11, size);
  octal(136, 11, modifiedSeconds);
  text(148, '        '); // the checksum counts itself as spaces
  text(156, flag);
  text(257, 'ustar\u000000');
  text(265, 'root');
  text(297, 'root');
  octal(
    148,
    6,
    header.reduce((sum, byte) => sum + byte, 0),
  );
  text(154, '\u0000 ');
  return header;
}

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = encode(` ${key}=${value}\n`);
  let length = rest.length;
  while (length !== rest.length + String(length).length) length = rest.length + String(length).length;
  return concat([encode(String(length)), rest]);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
