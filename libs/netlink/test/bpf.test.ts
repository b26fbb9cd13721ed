import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  assemble,
  BpfError,
  BpfMap,
  BpfProgram,
  call,
  exit,
  jumpIf,
  label,
  load,
  loadMap,
  MAP_LOOKUP,
  move,
  store,
  add,
  xdpAction,
} from '../src/bpf/index.ts';
import { createNetns, createVeth, deleteNetns, RouteSocket, setXdp } from '../src/index.ts';
import { loadNativeFrom } from '../src/native/load.ts';

/** Longest-prefix keys of the networks 10.0.<n>.0/24. */
function networks(count: number): Uint8Array {
  const keys = new Uint8Array(count * 8);
  for (let n = 0; n < count; n++) keys.set([24, 0, 0, 0, 10, n >> 8, n & 0xff, 0], n * 8);
  return keys;
}

const one = Uint8Array.of(1, 0, 0, 0);
const spec = { type: 'lpm-trie', name: 'cnt_networks', keyBytes: 8, valueBytes: 4, maxEntries: 10_000 } as const;
const address = (n: number): Uint8Array => Uint8Array.of(32, 0, 0, 0, 10, n >> 8, n & 0xff, 99);

function loadXdp(name: string, instructions: Uint8Array): BpfProgram {
  return BpfProgram.load({ type: 'xdp', name, instructions, license: 'Apache-2.0' });
}

describe.each(['addon', 'koffi'])('%s', (name) => {
  test('puts the addresses of buffers where they are asked for', () => {
    const native = loadNativeFrom({ CALICO_NATIVE: name });
    const attribute = new Uint8Array(24);
    const [first, second] = [new Uint8Array(16), new Uint8Array(64)];
    // EINVAL: there is no such command.
    expect(native.bpf(10_000, attribute, [first, second], Uint8Array.of(0, 8, 1, 4))).toBe(-22);
    const view = new DataView(attribute.buffer);
    expect(view.getBigUint64(8, true)).not.toBe(0n);
    expect(new DataView(first.buffer).getBigUint64(4, true)).not.toBe(0n);
    expect(view.getBigUint64(0, true)).toBe(0n);
  });
});

describe.each([true, false])('a map, in batches: %s', (usesBatches) => {
  test('holds the networks that it is given, and finds addresses in them', () => {
    using map = BpfMap.create(spec, { usesBatches });
    expect(map.info).toMatchObject({ name: 'cnt_networks', keyBytes: 8, valueBytes: 4 });
    expect(map.keys()).toHaveLength(0);
    const count = usesBatches ? 9000 : 50;
    map.setAll(networks(count), one);
    expect(map.keys()).toHaveLength(8 * count);
    expect(map.lookup(address(49))).toEqual(one);
    expect(map.lookup(address(9500))).toBeUndefined();
    // Some of these are not there.
    map.deleteAll(networks(count + 20).subarray(8 * 10));
    expect(Buffer.from(map.keys()).toString('hex')).toBe(Buffer.from(networks(10)).toString('hex'));
  });

  test('says that it is full', () => {
    using map = BpfMap.create({ ...spec, maxEntries: 5 }, { usesBatches });
    expect(() => {
      map.setAll(networks(8), one);
    }).toThrow('change map cnt_networks: ENOSPC');
    expect(map.keys()).toHaveLength(5 * 8);
  });
});

test('a map and a program are found again by their ids while somebody has them', () => {
  using map = BpfMap.create(spec);
  const program = loadXdp('cnt_found', assemble([loadMap(1, map.fd), move(0, xdpAction.pass), exit]));
  expect(program.info).toMatchObject({ name: 'cnt_found', mapIds: [map.info.id] });
  using again = BpfProgram.openById(program.info.id);
  expect(again?.info).toEqual(program.info);
  using same = BpfMap.openById(map.info.id);
  expect(same?.info).toEqual(map.info);
  program.close();
  expect(BpfMap.openById(0x7fff_ffff)).toBeUndefined();
  expect(BpfProgram.openById(0x7fff_ffff)).toBeUndefined();
});

test('a program that the verifier refuses brings its log', () => {
  const refused = (): unknown => loadXdp('cnt_refused', assemble([load(4, 0, 2, 0), exit]));
  expect(refused).toThrow(BpfError);
  expect(refused).toThrow(/load program cnt_refused: EACCES .*R2 !read_ok/);
});

test('a program runs on a packet, and counts on every processor', () => {
  using counter = BpfMap.create({
    type: 'per-cpu-array',
    name: 'cnt_counter',
    keyBytes: 4,
    valueBytes: 8,
    maxEntries: 1,
  });
  using program = loadXdp(
    'cnt_counting',
    assemble([
      store(4, 10, -4, 0),
      loadMap(1, counter.fd),
      move(2, { register: 10 }),
      add(2, -4),
      call(MAP_LOOKUP),
      jumpIf(0, '==', 0, 'end'),
      load(8, 1, 0, 0),
      add(1, 1),
      store(8, 0, 0, { register: 1 }),
      label('end'),
      move(0, xdpAction.drop),
      exit,
    ]),
  );
  expect(program.run(new Uint8Array(64), 5).result).toBe(xdpAction.drop);
  const values = new BigUint64Array(counter.lookup(new Uint8Array(4))!.buffer);
  expect(values.reduce((sum, value) => sum + value)).toBe(5n);
});

describe('on an interface', () => {
  const netns = `cnt-${randomBytes(5).toString('hex')}`;
  let route: RouteSocket;

  beforeEach(() => {
    createNetns(netns);
    route = RouteSocket.open({ netns });
    route.apply([createVeth({ name: 'eth0', peer: { name: 'fabric' } })]);
  });

  afterEach(() => {
    route.close();
    deleteNetns(netns);
  });

  test.each(['driver', 'generic'] as const)('%s: a program gives way only to who knows it', (mode) => {
    const pass = assemble([move(0, xdpAction.pass), exit]);
    using first = loadXdp('cnt_first', pass);
    using second = loadXdp('cnt_second', pass);
    const { index } = route.getLink('eth0')!;
    const programs = () => route.listXdp().find(({ name }) => name === 'eth0')!.programs;
    expect(programs()).toEqual([]);
    route.apply([setXdp({ interfaceIndex: index, mode, fd: first.fd })]);
    expect(programs()).toEqual([{ mode, id: first.info.id }]);
    const errors = route.execute([
      setXdp({ interfaceIndex: index, mode, fd: second.fd }),
      setXdp({ interfaceIndex: index, mode, fd: second.fd, replacedFd: second.fd }),
      setXdp({ interfaceIndex: index, mode, fd: second.fd, replacedFd: first.fd }),
    ]);
    expect(errors.map((error) => error?.code)).toEqual(['EBUSY', 'EEXIST', undefined]);
    expect(programs()).toEqual([{ mode, id: second.info.id }]);
    route.apply([setXdp({ interfaceIndex: index, mode, replacedFd: second.fd })]);
    expect(programs()).toEqual([]);
  });
});
