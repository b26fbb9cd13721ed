import { describe, expect, it } from 'vitest';
import { readLabels, readMac, readMtu, readSeconds, readTarget, readWantedIps, requirePrefix } from './arguments.ts';

describe('what to attach', () => {
  it('is a namespace by name or path, or that of a process, or a tap device', () => {
    expect(readTarget({ netns: 'web' }, undefined)).toEqual({ type: 'netns', path: '/run/netns/web' });
    expect(readTarget({ netns: '/proc/7/ns/net' }, undefined)).toEqual({ type: 'netns', path: '/proc/7/ns/net' });
    expect(readTarget({ pid: '7' }, undefined)).toEqual({ type: 'netns', path: '/proc/7/ns/net' });
    const mac = readMac('52:54:00:00:00:01');
    expect(readTarget({ tap: 'calivm0' }, mac)).toEqual({ type: 'tap', device: 'calivm0', mac });
  });

  it.each([{}, { netns: 'a', pid: '1' }, { pid: '0' }, { pid: 'x' }, { tap: 'a b' }, { tap: 'x'.repeat(16) }])(
    'is not %j',
    (options) => {
      expect(() => readTarget(options, undefined)).toThrow(/--|name/);
    },
  );

  it('has a hardware address of its own only where it is a machine', () => {
    expect(() => readTarget({ netns: 'a' }, readMac('52:54:00:00:00:01'))).toThrow('--tap');
  });
});

describe('the other options', () => {
  it('read what they should', () => {
    expect(readLabels(['app=web', 'x='])).toEqual({ app: 'web', x: '' });
    expect(readWantedIps(['10.0.0.1', 'fd00::1'])).toEqual(['10.0.0.1', 'fd00::1']);
    expect([readMtu(undefined), readMtu('1400'), readSeconds('0')]).toEqual([undefined, 1400, 0]);
  });

  it.each([
    ['a label', () => readLabels(['=web'])],
    ['an address', () => readWantedIps(['10.0.0'])],
    ['an MTU', () => readMtu('67')],
    ['a time', () => readSeconds('-1')],
    ['a hardware address', () => readMac('x')],
  ])('refuse what is not %s', (_what, read) => {
    expect(read).toThrow('--');
  });

  it('say how to name a device that Felix would not look after', () => {
    expect(() => {
      requirePrefix('vm0', ['cali', 'tap']);
    }).toThrow('cali or tap');
    expect(() => {
      requirePrefix('tap0', ['cali', 'tap']);
    }).not.toThrow();
  });
});
