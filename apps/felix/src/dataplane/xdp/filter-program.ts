/**
 * The program that drops packets by their source before the kernel has made anything of them:
 *
 *   frame ─ not IPv4 ────────────────────────────────► pass
 *     │ source in no denied network ─────────────────► pass
 *     │ TCP, UDP or SCTP: a later fragment ──────────► pass    the packet filter sees it whole, with its ports
 *     │                   to or from a failsafe port ► pass
 *     └──────────────────────────────────────────────► count, drop
 *
 * What it lets pass the packet filter decides. It errs on that side: frames too short for their headers are the kernel's
 * to drop, and a failsafe port that is one for some networks only is one for all here. Calico's program
 * (`felix/bpf-apache/filter.c`) knows no failsafe ports of answers, no SCTP and no IP options.
 */
import {
  add,
  and,
  assemble,
  call,
  exit,
  jump,
  jumpIf,
  label,
  load,
  loadMap,
  MAP_LOOKUP,
  move,
  shiftLeft,
  store,
  xdpAction,
  type Instruction,
  type Label,
  type Register,
} from '@calico-node/netlink/bpf';

import { failsafeSide } from './filter-keys.ts';

/** Open files of the maps that the program looks into. */
export interface FilterMaps {
  readonly sources: number;
  readonly failsafes: number;
  readonly drops: number;
}

/** Ethernet (IEEE 802.3), IPv4 (RFC 791), and the ports that TCP, UDP and SCTP begin with. */
const ETHERNET_BYTES = 14;
const IPV4_MIN_BYTES = 20;
const at = { etherType: 12, version: 14, fragment: 20, protocol: 23, source: 26 } as const;
const port = { source: 0, destination: 2, bytes: 4 } as const;
/** In network order, as a little-endian machine reads them. */
const ETHERTYPE_IPV4 = 0x0008;
const FRAGMENT_OFFSET = 0xff1f;
const protocolsWithPorts = [6, 17, 132] as const;
/** `struct xdp_md` */
const context = { data: 0, dataEnd: 4 } as const;
/** On the stack: a longest-prefix key, a failsafe port, the counter's index. */
const slot = { prefix: -8, address: -4, failsafe: -12, index: -16 } as const;

const frame = { register: 6 } as const;
const end = { register: 7 } as const;
const transport = { register: 8 } as const;
const protocol = { register: 9 } as const;

export function filterProgram(maps: FilterMaps): Uint8Array {
  return assemble([
    load(4, frame.register, 1, context.data),
    load(4, end.register, 1, context.dataEnd),
    ...unlessWithin(frame, ETHERNET_BYTES + IPV4_MIN_BYTES, 'pass'),
    load(2, 5, frame.register, at.etherType),
    jumpIf(5, '!=', ETHERTYPE_IPV4, 'pass'),

    store(4, 10, slot.prefix, 32),
    load(4, 5, frame.register, at.source),
    store(4, 10, slot.address, { register: 5 }),
    ...lookUp(maps.sources, slot.prefix),
    jumpIf(0, '==', 0, 'pass'),

    load(1, protocol.register, frame.register, at.protocol),
    ...protocolsWithPorts.map((number) => jumpIf(protocol.register, '==', number, 'ports')),
    jump('drop'),

    label('ports'),
    load(2, 5, frame.register, at.fragment),
    jumpIf(5, 'set', FRAGMENT_OFFSET, 'pass'),
    load(1, 5, frame.register, at.version),
    and(5, 0x0f),
    shiftLeft(5, 2),
    move(transport.register, frame),
    add(transport.register, ETHERNET_BYTES),
    add(transport.register, { register: 5 }),
    ...unlessWithin(transport, port.bytes, 'pass'),
    ...passIfFailsafe(maps.failsafes, 'destination'),
    ...passIfFailsafe(maps.failsafes, 'source'),

    label('drop'),
    store(4, 10, slot.index, 0),
    ...lookUp(maps.drops, slot.index),
    jumpIf(0, '==', 0, 'uncounted'),
    load(8, 1, 0, 0),
    add(1, 1),
    store(8, 0, 0, { register: 1 }),
    label('uncounted'),
    move(0, xdpAction.drop),
    exit,

    label('pass'),
    move(0, xdpAction.pass),
    exit,
  ]);
}

type Part = readonly (Instruction | Label)[];

/** Goes to the target where fewer bytes than that are left behind the base. */
function unlessWithin(base: { readonly register: Register }, bytes: number, target: string): Part {
  return [move(4, base), add(4, bytes), jumpIf(4, '>', end, target)];
}

/** The address of the value of the key that stands at that place of the stack, or 0, in r0. */
function lookUp(map: number, key: number): Part {
  return [loadMap(1, map), move(2, { register: 10 }), add(2, key), call(MAP_LOOKUP)];
}

/** The key's layout is that of `failsafeKeys`. */
function passIfFailsafe(map: number, side: 'source' | 'destination'): Part {
  return [
    store(1, 10, slot.failsafe, protocol),
    store(1, 10, slot.failsafe + 1, failsafeSide[side]),
    load(2, 5, transport.register, port[side]),
    store(2, 10, slot.failsafe + 2, { register: 5 }),
    ...lookUp(map, slot.failsafe),
    jumpIf(0, '!=', 0, 'pass'),
  ];
}
