import type { Link } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { parameters } from '../../config/parameters.ts';
import { OuterLinks, workloadMtu } from './mtu.ts';

const link = (index: number, name: string, mtu: number, more: Partial<Link> = {}) =>
  ({ index, name, mtu, running: true, ...more }) as Link;
const nothing = { ipip: 0, vxlan4: 0, vxlan6: 0, wireguard4: 0, wireguard6: 0 };

test('takes the smallest of the interfaces that lead out, and no others', () => {
  const links = [
    link(1, 'lo', 65536),
    link(2, 'eth0', 9001),
    link(3, 'ens5', 1500),
    link(4, 'cali1', 1400, { kind: 'veth' }),
    link(5, 'eth9', 1300, { kind: 'vxlan' }),
    link(6, 'eth1', 1200, { running: false }),
  ];
  const outer = new OuterLinks(parameters.MTUIfacePattern.default);
  outer.take(links);
  expect([outer.areKnown, outer.mtu]).toEqual([true, 1500]);
  expect(outer.isNews('set', link(2, 'eth0', 9001))).toBe(false);
  expect(outer.isNews('set', link(2, 'eth0', 9000))).toBe(true);
  expect(outer.isNews('set', link(2, 'eth0', 9001, { running: false }))).toBe(true);
  expect(outer.isNews('set', link(2, 'lan0', 9001))).toBe(true);
  expect(outer.isNews('delete', link(2, 'eth0', 9001))).toBe(true);
  expect(outer.isNews('delete', link(1, 'lo', 65536))).toBe(false);
});

test('has an MTU where none of the interfaces runs, and where none leads out', () => {
  const outer = new OuterLinks(parameters.MTUIfacePattern.default);
  outer.take([
    link(2, 'eth0', 9001, { running: false }),
    link(7, 'eth1', 9000, { running: false }),
    link(1, 'lo', 65536),
  ]);
  expect([outer.areKnown, outer.mtu]).toEqual([true, 9000]);
  outer.take([link(1, 'lo', 65536), link(8, 'bond0', 1500)]);
  expect([outer.areKnown, outer.mtu]).toEqual([false, 1460]);
});

test('leaves room for the largest of the encapsulations in use, or takes what is configured', () => {
  expect(workloadMtu([], nothing, 1500)).toBe(1500);
  expect(workloadMtu(['ipip'], nothing, 1500)).toBe(1480);
  expect(workloadMtu(['ipip', 'vxlan4'], nothing, 1500)).toBe(1450);
  expect(workloadMtu(['vxlan4', 'vxlan6'], nothing, 9000)).toBe(8930);
  expect(workloadMtu(['vxlan4', 'wireguard4'], nothing, 1500)).toBe(1440);
  expect(workloadMtu(['vxlan4'], { ...nothing, vxlan4: 1400, ipip: 1000 }, 1500)).toBe(1400);
});
