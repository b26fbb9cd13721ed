import { parseIp, parseMac } from '@calico-node/net';
import { inNewNetns, openOwnNetns, type Netns } from '@calico-node/netlink';
import { Wiring } from './attach.ts';

/** How often: until the code that wiring runs is not new to the engine. */
const times = 12;

/**
 * Wires workloads that nobody has, in network namespaces that are gone when this returns: so that the first real one
 * does not wait until the code is compiled. The node's own namespace is not touched.
 *
 * @throws NetlinkError, SyscallError where namespaces may not be made.
 */
export function rehearseWiring(): void {
  inNewNetns(() => {
    using workload: Netns = inNewNetns(openOwnNetns);
    const addresses = [parseIp('192.0.2.1')];
    for (let index = 0; index < times; index++) {
      using wiring = Wiring.openNew({
        netns: `/proc/self/fd/${workload.fd}`,
        hostName: `calirehearse${index}`,
        workloadName: `eth${index}`,
        mtu: 1500,
        mac: parseMac('02:00:00:00:00:01'),
        prefixes: ['cali'],
      });
      wiring.create();
      wiring.prepare({}, { ipv4: true, ipv6: false });
      wiring.complete({ addresses });
    }
  });
}
