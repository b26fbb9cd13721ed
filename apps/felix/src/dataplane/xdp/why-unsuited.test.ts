import type { XdpInterface } from '@calico-node/netlink';
import { expect, test } from 'vitest';
import { whyUnsuited } from './why-unsuited.ts';

const eth0: XdpInterface = {
  ...{ index: 2, name: 'eth0', isEthernet: true, programs: [] },
  ...{ masterIndex: undefined, vlanOfIndex: undefined },
};
const vlan = { ...eth0, index: 3, name: 'eth0.5', vlanOfIndex: 2 };

test('only where the packet filter sees the same packets come in', () => {
  expect(whyUnsuited(eth0, [eth0])).toBeUndefined();
  expect(whyUnsuited({ ...eth0, isEthernet: false }, [eth0])).toContain('no Ethernet header');
  expect(whyUnsuited({ ...eth0, masterIndex: 9 }, [eth0])).toContain('port of another');
  expect(whyUnsuited(eth0, [eth0, vlan])).toBe('it has VLANs');
  expect(whyUnsuited(vlan, [eth0, vlan])).toBeUndefined();
});
