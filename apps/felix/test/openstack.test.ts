import { once } from 'node:events';
import { createServer } from 'node:net';
import { parseIp } from '@calico-node/net';
import { inNetns, writeSysctl } from '@calico-node/netlink';
import { describe, expect, it } from 'vitest';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, start } from './support/intents.ts';
import { canConnect, NodeLab, runIn } from './support/node-lab.ts';

describe.for(Object.entries(drivers))('guests of OpenStack by %s', ([, openDriver]) => {
  it('reach the metadata service of their host under its own address, whatever their policy', async () => {
    using lab = new NodeLab();
    const guest = lab.addWorkload('a', '10.65.0.1');
    // As Felix sets it for workloads' interfaces.
    writeSysctl('net/ipv4/conf/calia/route_localnet', '1', { netns: lab.netns });
    const server = createServer((socket) => socket.on('error', () => undefined).end('metadata'));
    // Without a host, listen makes its socket before it returns.
    inNetns(lab.netns, () => server.listen(0));
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const open = (isThere: boolean) =>
      openDriver({
        netns: lab.netns,
        families: [4],
        rules: {
          ...defaultRuleOptions,
          openstack: isThere ? { metadata: { address: parseIp('127.0.0.1'), port } } : undefined,
        },
      });
    const intents = [...start, endpoint('a', '10.65.0.1')];
    try {
      for (const isThere of [true, false]) {
        const driver = open(isThere);
        driver.update(intents);
        await driver.apply();
        expect(await canConnect(guest, '169.254.169.254', 80)).toBe(isThere);
        expect(await canConnect(guest, '172.16.0.1', port)).toBe(false);
        driver.close();
      }
      expect(runIn(lab.netns, 'nft', 'list', 'ruleset')).not.toContain('169.254.169.254');
    } finally {
      server.close();
    }
  });
});
