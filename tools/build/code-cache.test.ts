import { describe, expect, it } from 'vitest';
import { withoutCodeCache } from './code-cache.ts';

function length(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const text = (value: string): Buffer => Buffer.concat([length(value.length), Buffer.from(value)]);

const heap = Buffer.from(`heap${'\0'.repeat(40)}internal/util`);
const modules = Array.from({ length: 150 }, (_, index) => [text(`internal/m-${index}`), text(`code ${index}`)]).flat();

describe('the code cache of a start-up snapshot', () => {
  it('is taken away from its end', () => {
    const snapshot = Buffer.concat([heap, length(150), ...modules]);
    expect(withoutCodeCache(snapshot)).toEqual(Buffer.concat([heap, length(0)]));
  });

  it('is left where the file is not of the known form', () => {
    for (const other of [
      Buffer.concat([heap, length(151), ...modules]),
      Buffer.concat([heap, length(150), ...modules, Buffer.from('more')]),
      Buffer.concat([heap, length(0)]),
      Buffer.alloc(0),
    ]) {
      expect(withoutCodeCache(other)).toEqual(other);
    }
  });
});
