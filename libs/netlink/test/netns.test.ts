import { readlink } from 'node:fs/promises';
import { closeSync, existsSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import {
  createNetns,
  deleteNetns,
  inNetns,
  netnsInode,
  openNetns,
  openOwnNetns,
  readSysctl,
  RouteSocket,
  writeSysctl,
} from '../src/index.ts';
import { backends, scratchNetns } from './scratch.ts';

function ownInode(): bigint {
  using own = openOwnNetns();
  return netnsInode(own);
}

describe.each(backends)('namespaces on %s', (_, native) => {
  test('are made and deleted as `ip netns` does, without the process leaving its own', () => {
    const before = ownInode();
    using scratch = scratchNetns();
    const name = `${scratch.name}-b`;
    createNetns(name, native);
    try {
      expect(ownInode()).toBe(before);
      expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toContain(name);
      expect(execFileSync('ip', ['-n', name, '-br', 'link'], { encoding: 'utf8' })).toMatch(/^lo\s+DOWN/);
      expect(() => {
        createNetns(name, native);
      }).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    } finally {
      deleteNetns(name, native);
    }
    expect(existsSync(`/run/netns/${name}`)).toBe(false);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(name);
    expect(() => {
      deleteNetns(name, native);
    }).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => {
      createNetns('../etc', native);
    }).toThrow('not a namespace name');
  });

  test('are left again, whatever the visit does', () => {
    using scratch = scratchNetns();
    using opened = openNetns(scratch.name);
    const home = ownInode();
    expect(inNetns(opened, ownInode, native)).toBe(netnsInode(opened));
    expect(inNetns(scratch.name, () => inNetns(opened.fd, ownInode, native), native)).toBe(netnsInode(opened));
    expect(() => inNetns(`/run/netns/${scratch.name}`, () => JSON.parse('{') as unknown, native)).toThrow(SyntaxError);
    expect(() => inNetns(opened, () => Promise.resolve(), native)).toThrow('must be synchronous');
    const file = openSync('/dev/null', 'r');
    expect(() => inNetns(file, ownInode, native)).toThrow('EINVAL');
    closeSync(file);
    expect(() => inNetns('no-such-namespace', ownInode, native)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(ownInode()).toBe(home);
  });

  test('open by process id', () => {
    using own = openNetns(process.pid);
    expect(netnsInode(own)).toBe(ownInode());
  });

  test('leave the thread pool at home', async () => {
    using scratch = scratchNetns();
    const visited = inNetns(scratch.name, () => readlinkSync('/proc/thread-self/ns/net'), native);
    // More reads than the pool has threads, so that each gets some.
    const links = await Promise.all(Array.from({ length: 64 }, () => readlink('/proc/thread-self/ns/net')));
    expect(new Set(links)).toEqual(new Set([readlinkSync('/proc/self/ns/net')]));
    expect(links).not.toContain(visited);
  });

  test('have sysctls of their own', () => {
    using scratch = scratchNetns();
    const options = { netns: scratch.name, native };
    const home = readSysctl('net.ipv4.ip_default_ttl');
    writeSysctl('net.ipv4.ip_default_ttl', 33, options);
    writeSysctl('net/ipv4/conf/lo/rp_filter', '2', options);
    expect(readSysctl('net/ipv4/ip_default_ttl', options)).toBe('33');
    expect(readSysctl('net.ipv4.conf.lo.rp_filter', options)).toBe('2');
    expect(readSysctl('net.ipv4.ip_default_ttl')).toBe(home);
    expect(() => {
      writeSysctl('net/ipv4/conf/none/rp_filter', 1, options);
    }).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => readSysctl('net/../../../etc/passwd')).toThrow(TypeError);
  });

  test('hold their sockets after their name is gone', () => {
    using scratch = scratchNetns();
    using socket = RouteSocket.open({ netns: scratch.name, native });
    deleteNetns(scratch.name, native);
    expect(socket.listLinks()).toHaveLength(1);
  });
});
