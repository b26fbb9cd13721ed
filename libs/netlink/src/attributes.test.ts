import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AttributeWriter } from './attribute-writer.ts';
import { readAttributes, type Attributes } from './attributes.ts';

type Value =
  | { readonly as: 'u8' | 'u16' | 'u32' | 's32' | 'be16' | 'be32'; readonly value: number }
  | { readonly as: 'u64' | 'be64'; readonly value: bigint }
  | { readonly as: 'bytes'; readonly value: Uint8Array }
  | { readonly as: 'string'; readonly value: string }
  | { readonly as: 'nested'; readonly value: readonly Value[] };

const scalars = [
  fc.record({ as: fc.constant('u8' as const), value: fc.nat(0xff) }),
  fc.record({ as: fc.constantFrom('u16' as const, 'be16' as const), value: fc.nat(0xffff) }),
  fc.record({ as: fc.constantFrom('u32' as const, 'be32' as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ as: fc.constant('s32' as const), value: fc.integer() }),
  fc.record({
    as: fc.constantFrom('u64' as const, 'be64' as const),
    value: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  }),
  fc.record({ as: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 70 }) }),
  fc.record({
    as: fc.constant('string' as const),
    value: fc.string({ unit: fc.constantFrom('a', 'é', '🐈', '/', ' ') }),
  }),
];
const trees = fc.letrec<{ values: Value[]; value: Value }>((tie) => ({
  values: fc.array(tie('value'), { maxLength: 6 }),
  value: fc.oneof({ maxDepth: 3 }, ...scalars, fc.record({ as: fc.constant('nested' as const), value: tie('values') })),
}));

/** Each value gets its place in the list as its type, plus one. */
function write(writer: AttributeWriter, values: readonly Value[]): AttributeWriter {
  for (const [index, value] of values.entries()) {
    const type = index + 1;
    switch (value.as) {
      case 'u64':
      case 'be64':
        writer[value.as](type, value.value);
        break;
      case 'bytes':
        writer.bytes(type, value.value);
        break;
      case 'string':
        writer.string(type, value.value);
        break;
      case 'nested':
        writer.nested(type, () => write(writer, value.value));
        break;
      default:
        writer[value.as](type, value.value);
    }
  }
  return writer;
}

function read(attributes: Attributes, shape: readonly Value[]): unknown {
  return shape.map((value, index) => {
    const type = index + 1;
    if (value.as !== 'nested') return { as: value.as, value: attributes[value.as](type) };
    return { as: value.as, value: read(attributes.nested(type)!, value.value) };
  });
}

describe('attributes', () => {
  test('read back as they were written, nested to any depth, behind any header', () => {
    fc.assert(
      fc.property(trees.values, fc.uint8Array({ maxLength: 20 }), (values, header) => {
        const bytes = write(new AttributeWriter(header), values).finish();
        const offset = (header.length + 3) & ~3;
        expect(bytes.length % 4).toBe(0);
        expect([...bytes.subarray(0, header.length)]).toEqual([...header]);
        const attributes = readAttributes(bytes, offset);
        expect(read(attributes, values)).toEqual(values);
        expect(attributes.entries().map(({ type }) => type)).toEqual(values.map((_, index) => index + 1));
      }),
    );
  });

  test('never read beyond the bytes, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const { value } of readAttributes(bytes).entries())
            expect(value.length).toBeLessThanOrEqual(bytes.length);
        } catch (error) {
          expect(error).toMatchObject({ name: 'NetlinkError', code: 'EBADMSG' });
        }
      }),
    );
  });

  test('have the layout that the kernel wants', () => {
    const bytes = new AttributeWriter()
      .string(3, 'eth0')
      .nested(18, (info) => info.string(1, 'veth').be16(2, 179))
      .finish();
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '0900030065746830' + '00000000' + '18001280' + '0900010076657468' + '00000000' + '0600020000b30000',
    );
  });

  test('tell a missing one from a short one, and read the last of several', () => {
    const attributes = readAttributes(new AttributeWriter().u8(1, 7).u32(2, 1).u32(2, 2).flag(3).finish());
    expect(attributes.u32(9)).toBeUndefined();
    expect(() => attributes.u32(1)).toThrow('attribute 1 has 1 bytes, needs 4');
    expect(attributes.u32(2)).toBe(2);
    expect(attributes.has(3)).toBe(true);
    expect(attributes.has(4)).toBe(false);
  });

  test('list the members of a nested list in order', () => {
    const bytes = new AttributeWriter()
      .nested(3, (list) => {
        for (const value of [5, 6, 7]) list.nested(1, (element) => element.u32(1, value));
      })
      .finish();
    expect(
      readAttributes(bytes)
        .list(3)
        .map((element) => element.u32(1)),
    ).toEqual([5, 6, 7]);
  });

  test('refuse a value that no length can tell', () => {
    expect(() => new AttributeWriter().bytes(1, new Uint8Array(65_532))).toThrow(RangeError);
    const bytes = new Uint8Array(40_000);
    expect(() => new AttributeWriter().nested(1, (writer) => writer.bytes(1, bytes).bytes(2, bytes))).toThrow(
      RangeError,
    );
  });
});
