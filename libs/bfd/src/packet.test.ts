import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeControlPacket, encodeControlPacket, type ControlPacket } from './packet.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const packets: fc.Arbitrary<ControlPacket> = fc.record({
  diagnostic: fc.integer({ min: 0, max: 31 }),
  state: fc.constantFrom('AdminDown', 'Down', 'Init', 'Up'),
  poll: fc.boolean(),
  final: fc.boolean(),
  controlPlaneIndependent: fc.boolean(),
  demand: fc.boolean(),
  multiplier: fc.integer({ min: 1, max: 255 }),
  myDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
  yourDiscriminator: fc.integer({ min: 1, max: 0xffffffff }),
  desiredMinTxUs: u32,
  requiredMinRxUs: u32,
  requiredMinEchoRxUs: u32,
});

const sample: ControlPacket = {
  diagnostic: 0,
  state: 'Down',
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  multiplier: 3,
  myDiscriminator: 7,
  yourDiscriminator: 0,
  desiredMinTxUs: 1_000_000,
  requiredMinRxUs: 300_000,
  requiredMinEchoRxUs: 0,
};

/** The sample with one octet set. */
function withOctet(at: number, value: number): Uint8Array {
  const bytes = encodeControlPacket(sample);
  bytes[at] = value;
  return bytes;
}

describe('the BFD control packet', () => {
  it('is what RFC 5880 4.1 draws', () => {
    expect(Buffer.from(encodeControlPacket(sample)).toString('hex')).toBe(
      '20400318' + '00000007' + '00000000' + '000f4240' + '000493e0' + '00000000',
    );
  });

  it('reads back what it wrote', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodeControlPacket(encodeControlPacket(packet))).toEqual({ ok: true, packet });
      }),
    );
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(decodeControlPacket(bytes)).toHaveProperty('ok');
      }),
    );
  });

  it.each([
    ['too short', encodeControlPacket(sample).subarray(0, 23)],
    ['version', withOctet(0, 0x40)],
    ['length', withOctet(3, 23)],
    ['length', withOctet(3, 25)],
    ['multiplier', withOctet(2, 0)],
    ['multipoint', withOctet(1, 0x41)],
    ['my discriminator', withOctet(7, 0)],
    ['your discriminator', withOctet(1, 0xc0)],
    ['authentication', Uint8Array.from([...withOctet(1, 0x44).with(3, 28), 1, 4, 1, 0])],
  ])('is refused for its %s (RFC 5880 6.8.6)', (problem, bytes) => {
    expect(decodeControlPacket(bytes)).toEqual({ ok: false, problem });
  });
});
