import { expect, test } from 'vitest';
import { AttributeWriter } from '../attribute-writer.ts';
import { rtm } from './kernel-numbers.ts';
import { decodeXdp, setXdp } from './xdp.ts';

test('a program is only put where there is none, or where the expected one is', () => {
  const bytes = (change: Parameters<typeof setXdp>[0]): string => Buffer.from(setXdp(change).body).toString('hex');
  const header = '0000000005000000'.padEnd(32, '0');
  expect(bytes({ interfaceIndex: 5, mode: 'driver', fd: 9 })).toBe(`${header}14002b8008000100090000000800030005000000`);
  expect(bytes({ interfaceIndex: 5, mode: 'generic', replacedFd: 9 })).toBe(
    `${header}1c002b8008000100ffffffff08000300120000000800080009000000`,
  );
});

test('reads which programs an interface has, and whether it is a VLAN', () => {
  const header = Uint8Array.of(0, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const body = new AttributeWriter(header)
    .string(3, 'eth0.5')
    .u32(5, 3)
    .nested(18, (info) => info.string(1, 'vlan'))
    .nested(43, (xdp) => xdp.u8(2, 4).u32(5, 20).u32(6, 30))
    .finish();
  const message = { type: rtm.newLink, flags: 0, sequence: 0, portId: 0, body };
  expect(decodeXdp(message)).toEqual({
    index: 7,
    name: 'eth0.5',
    isEthernet: true,
    masterIndex: undefined,
    vlanOfIndex: 3,
    programs: [
      { mode: 'driver', id: 20 },
      { mode: 'generic', id: 30 },
    ],
  });
});
