import type { Link } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { parameters } from '../../config/parameters.ts';
import { hostMtu, workloadMtu } from './mtu.ts';

const link = (name: string, mtu: number, kind?: string) => ({ name, mtu, kind }) as Link;
const nothing = { ipip: 0, vxlan4: 0, vxlan6: 0 };
const none = { ipip: false, vxlan4: false, vxlan6: false };

test('takes the smallest of the interfaces that lead out, and no others', () => {
  const links = [
    link('lo', 65536),
    link('eth0', 9001),
    link('ens5', 1500),
    link('cali1', 1400, 'veth'),
    link('eth9', 1300, 'vxlan'),
  ];
  expect(hostMtu(links, parameters.MTUIfacePattern.default)).toBe(1500);
  expect(hostMtu(links, /^foo/)).toBeUndefined();
});

test('leaves room for the largest of the encapsulations in use, or takes what is configured', () => {
  expect(workloadMtu(none, nothing, 1500)).toBe(1500);
  expect(workloadMtu({ ...none, ipip: true }, nothing, 1500)).toBe(1480);
  expect(workloadMtu({ ...none, ipip: true, vxlan4: true }, nothing, 1500)).toBe(1450);
  expect(workloadMtu({ ...none, vxlan4: true, vxlan6: true }, nothing, 9000)).toBe(8930);
  expect(workloadMtu({ ...none, vxlan4: true }, { ...nothing, vxlan4: 1400, ipip: 1000 }, 1500)).toBe(1400);
});
