import { describe, expect, it } from 'vitest';
import { readHeader } from './packet-header.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));

const ipv4 = (protocol: string, fragment: string, rest: string): Uint8Array =>
  hex(`45 00 00 3c 00 01 ${fragment} 40 ${protocol} 00 00 0a 41 00 01 0a 41 00 02 ${rest}`);
const ends4 = { family: 4, source: '10.65.0.1', destination: '10.65.0.2', bytes: 60 };
const ipv6 = (next: string, rest: string): Uint8Array =>
  hex(
    `60 00 00 00 00 14 ${next} 40 fd00 0000 0000 0000 0000 0000 0000 0001 fd00 0000 0000 0000 0000 0000 0000 0002 ${rest}`,
  );
const ends6 = { family: 6, source: 'fd00::1', destination: 'fd00::2', bytes: 60 };

describe('a logged packet', () => {
  it.each([
    ['TCP', ipv4('06', '00 00', '30 39 00 50'), { ...ends4, protocol: 6, sourcePort: 12345, destinationPort: 80 }],
    ['ICMP', ipv4('01', '00 00', '08 00'), { ...ends4, protocol: 1, icmpType: 8, icmpCode: 0 }],
    ['a later fragment', ipv4('06', '00 08', '30 39 00 50'), { ...ends4, protocol: 6 }],
    ['a cut one', ipv4('11', '00 00', '30 39'), { ...ends4, protocol: 17 }],
    [
      'options before the header',
      hex('46 00 00 3c 00 01 00 00 40 11 00 00 0a 41 00 01 0a 41 00 02 01 01 01 01 00 07 00 35'),
      { ...ends4, protocol: 17, sourcePort: 7, destinationPort: 53 },
    ],
    ['TCP over IPv6', ipv6('06', '00 07 00 50'), { ...ends6, protocol: 6, sourcePort: 7, destinationPort: 80 }],
    [
      'options of IPv6',
      ipv6('00', `3a 00 01 04 00 00 00 00 80 00`),
      { ...ends6, protocol: 58, icmpType: 128, icmpCode: 0 },
    ],
    ['a later fragment of IPv6', ipv6('2c', '11 00 00 08 00 00 00 01 00 07 00 35'), { ...ends6, protocol: 17 }],
  ])('is read: %s', (_name, bytes, header) => {
    expect(readHeader(bytes)).toEqual(header);
  });

  it('is none when it is too short or of another protocol', () => {
    expect(readHeader(new Uint8Array(19))).toBeUndefined();
    expect(readHeader(hex(`60 ${'00'.repeat(30)}`))).toBeUndefined();
    expect(readHeader(new Uint8Array(40))).toBeUndefined();
  });
});
