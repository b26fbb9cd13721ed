import type { Link } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { parameters } from '../../config/parameters.ts';
import { hostMtu, workloadMtu } from './mtu.ts';

const link = (name: string, mtu: number, kind?: string) => ({ name, mtu, kind }) as Link;
const nothing = { ipip: 0, vxlan4: 0, vxlan6: 0, wireguard4: 0, wireguard6: 0 };

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
  expect(workloadMtu([], nothing, 1500)).toBe(1500);
  expect(workloadMtu(['ipip'], nothing, 1500)).toBe(1480);
  expect(workloadMtu(['ipip', 'vxlan4'], nothing, 1500)).toBe(1450);
  expect(workloadMtu(['vxlan4', 'vxlan6'], nothing, 9000)).toBe(8930);
  expect(workloadMtu(['vxlan4', 'wireguard4'], nothing, 1500)).toBe(1440);
  expect(workloadMtu(['vxlan4'], { ...nothing, vxlan4: 1400, ipip: 1000 }, 1500)).toBe(1400);
});
