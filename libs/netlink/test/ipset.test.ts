import { execFileSync } from 'node:child_process';
import { parseCidr, parseIp } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IpsetError, IpsetSocket, type IpsetMember, type IpsetSpec } from '../src/ipset/index.ts';
import { scratchNetns } from './scratch.ts';

let netns: ReturnType<typeof scratchNetns>;
let socket: IpsetSocket;

beforeEach(() => {
  netns = scratchNetns();
  socket = IpsetSocket.open({ netns: netns.name });
});

afterEach(() => {
  socket.close();
  netns[Symbol.dispose]();
});

/** What the real ipset does. */
const ipset = (...args: string[]): string =>
  execFileSync('nsenter', [`--net=/run/netns/${netns.name}`, 'ipset', ...args], { encoding: 'utf8' });

const listed = (name: string): string[] =>
  ipset('list', name)
    .split('Members:\n')[1]!
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .sort();

const nets = (...cidrs: string[]): IpsetMember[] => cidrs.map((text) => ({ kind: 'net', cidr: parseCidr(text) }));
const hashNet: IpsetSpec = { name: 'cali40s:one', type: 'hash:net', family: 4, maxElements: 70_000 };

describe('ipset through netlink', () => {
  it('makes sets with members that ipset lists as if it had made them itself', () => {
    const six: IpsetSpec = { ...hashNet, name: 'cali60s:one', family: 6 };
    const ports: IpsetSpec = { ...hashNet, name: 'cali40n:web', type: 'hash:ip,port' };
    socket.change([
      { kind: 'create', set: hashNet },
      { kind: 'add', set: hashNet, members: nets('10.0.0.0/8', '10.1.0.0/16', '192.0.2.7/32') },
      { kind: 'create', set: six },
      { kind: 'add', set: six, members: nets('fd00::/8', '2001:db8::1/128') },
      { kind: 'create', set: ports },
      {
        kind: 'add',
        set: ports,
        members: [{ kind: 'ip-port', ip: parseIp('192.0.2.7'), protocol: 6, port: 8080 }],
      },
    ]);
    expect(listed('cali40s:one')).toEqual(['10.0.0.0/8', '10.1.0.0/16', '192.0.2.7']);
    expect(listed('cali60s:one')).toEqual(['2001:db8::1', 'fd00::/8']);
    expect(listed('cali40n:web')).toEqual(['192.0.2.7,tcp:8080']);
    expect(ipset('list', '-t', 'cali40s:one')).toContain('maxelem 70000');
  });

  it('has another digest after every change of sets with a prefix', () => {
    socket.change([
      { kind: 'create', set: hashNet },
      { kind: 'add', set: hashNet, members: nets('10.0.0.0/8') },
    ]);
    const digest = socket.digest('cali');
    ipset('create', 'other', 'hash:net');
    expect(socket.digest('cali')).toBe(digest);
    ipset('del', hashNet.name, '10.0.0.0/8');
    ipset('add', hashNet.name, '10.1.0.0/16');
    expect(socket.digest('cali')).not.toBe(digest);
  });

  it('reads what ipset made', () => {
    ipset('create', 'a', 'hash:net', 'maxelem', '1000');
    ipset('create', 'b', 'hash:ip,port', 'family', 'inet6');
    ipset('create', 'c', 'bitmap:port', 'range', '1-10');
    ipset('add', 'a', '10.0.0.0/8');
    ipset('add', 'a', '10.0.0.1');
    ipset('add', 'b', 'fd00::1,udp:53');
    expect(socket.list()).toEqual([
      { name: 'a', type: 'hash:net', family: 4, maxElements: 1000, elements: 2 },
      { name: 'b', type: 'hash:ip,port', family: 6, maxElements: 65536, elements: 1 },
      { name: 'c', type: 'bitmap:port', family: undefined, maxElements: undefined, elements: 0 },
    ]);
    expect(socket.members('a')).toEqual(expect.arrayContaining(nets('10.0.0.0/8', '10.0.0.1/32')));
    expect(socket.members('b')).toEqual([{ kind: 'ip-port', ip: 'fd00::1', protocol: 17, port: 53 }]);
    expect(socket.members('none')).toEqual([]);
  });

  it('takes members away, and minds neither those there already nor those gone', async () => {
    await socket.changeAsync([
      { kind: 'create', set: hashNet },
      { kind: 'add', set: hashNet, members: nets('10.0.0.0/8', '10.1.0.0/16') },
      { kind: 'add', set: hashNet, members: nets('10.1.0.0/16') },
      { kind: 'delete', set: hashNet, members: nets('10.0.0.0/8', '10.7.0.0/16') },
    ]);
    expect(listed(hashNet.name)).toEqual(['10.1.0.0/16']);
  });

  it('swaps what two sets hold and destroys sets', () => {
    const other = { ...hashNet, name: 'cali4t0' };
    socket.change([
      { kind: 'create', set: hashNet },
      { kind: 'create', set: other },
      { kind: 'add', set: other, members: nets('10.1.0.0/16') },
      { kind: 'swap', name: hashNet.name, other: other.name },
      { kind: 'destroy', name: other.name },
      { kind: 'destroy', name: 'not-there' },
    ]);
    expect(ipset('list', '-n').trim()).toBe(hashNet.name);
    expect(listed(hashNet.name)).toEqual(['10.1.0.0/16']);
  });

  it('takes many members in few messages', () => {
    const many = Array.from({ length: 20_000 }, (_, index) => `10.${index >> 8}.${index & 255}.1/32`);
    socket.change([
      { kind: 'create', set: hashNet },
      { kind: 'add', set: hashNet, members: nets(...many) },
    ]);
    expect(socket.members(hashNet.name)).toHaveLength(20_000);
  });

  it('says what is wrong', () => {
    socket.change([{ kind: 'create', set: { ...hashNet, maxElements: 1 } }]);
    expect(() => {
      socket.change([{ kind: 'create', set: { ...hashNet, maxElements: 1 } }]);
    }).toThrow(IpsetError);
    ipset('create', 'mine', 'hash:ip');
    expect(() => {
      socket.change([{ kind: 'swap', name: hashNet.name, other: 'mine' }]);
    }).toThrow('the sets are of different types');
  });
});
