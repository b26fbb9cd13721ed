/** Random packets through one node: between its workloads, its own interfaces and itself. */
import { parseIp } from '@calico-node/net';
import fc from 'fast-check';
import { packetPaths, type Packet } from '../interpret.ts';

const port = fc.constantFrom(53, 80, 443, 999, 1000, 2000, 4789, 8080);
const header = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ protocol: fc.constantFrom(6, 17, 132), sourcePort: port, destinationPort: port }),
  },
  fc.record({ protocol: fc.constantFrom(1, 58), icmpType: fc.constantFrom(8, 128), icmpCode: fc.constantFrom(0, 1) }),
  fc.record({ protocol: fc.constantFrom(4, 47, 136, 253) }),
);
/** Where packets come from and go to; an interface that is none is a process of the host. */
const places = [
  { host: 1, interfaceName: 'cali1' },
  { host: 2, interfaceName: 'cali2' },
  { host: 3, interfaceName: 'eth0' },
  { host: 9, interfaceName: 'eth0' },
  { host: 9, interfaceName: 'cali9' },
  { host: 4, interfaceName: 'eth1' },
] as const;
const host = { host: 7, interfaceName: undefined } as const;
const forwarded = fc.tuple(fc.constantFrom(...places), fc.constantFrom(...places));
const inOrOut = fc.oneof(
  fc.tuple(fc.constantFrom(...places), fc.constant(host)),
  fc.tuple(fc.constant(host), fc.constantFrom(...places)),
);

function packetsAlong(
  ends: fc.Arbitrary<[(typeof places)[number] | typeof host, (typeof places)[number] | typeof host]>,
): fc.Arbitrary<Packet> {
  return fc
    .record({
      family: fc.constantFrom(4 as const, 6 as const),
      ends,
      header,
      reversePathFailed: fc.nat(9).map((n) => n === 0),
      destinationTranslated: fc.nat(3).map((n) => n === 0),
    })
    .map(({ family, ends: [from, to], header: fields, reversePathFailed, destinationTranslated }) => ({
      family,
      source: parseIp(family === 4 ? `10.0.0.${from.host}` : `fd00::${from.host}`),
      destination: parseIp(family === 4 ? `10.0.0.${to.host}` : `fd00::${to.host}`),
      ...fields,
      ...(from.interfaceName === undefined ? {} : { inInterface: from.interfaceName }),
      ...(to.interfaceName === undefined ? {} : { outInterface: to.interfaceName }),
      conntrackState: 'new',
      destinationTranslated,
      reversePathFailed: from.interfaceName !== undefined && reversePathFailed,
    }));
}

/** What node1 is to pass on. */
export const packets: fc.Arbitrary<Packet> = packetsAlong(forwarded);

/** What node1 itself receives and sends. */
export const hostPackets: fc.Arbitrary<Packet> = packetsAlong(inOrOut);

/** The hooks that the packet passes. */
export function pathOf({ inInterface, outInterface }: Packet): (typeof packetPaths)[keyof typeof packetPaths] {
  if (inInterface === undefined) return packetPaths.output;
  return outInterface === undefined ? packetPaths.input : packetPaths.forward;
}
