import { ByteWriter } from '../wire/bytes.ts';

/** RFC 6396 2: the common header, with the length filled in, and what it is followed by. */
export function writeRecord(
  unixSeconds: number,
  type: number,
  subtype: number,
  write: (writer: ByteWriter) => void,
): Uint8Array<ArrayBuffer> {
  const body = new ByteWriter();
  write(body);
  return new ByteWriter(12 + body.length)
    .u32(unixSeconds)
    .u16(type)
    .u16(subtype)
    .u32(body.length)
    .bytes(body.finish())
    .finish();
}
