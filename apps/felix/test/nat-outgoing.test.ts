import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { parseCidr, parseIp } from '@calico-node/net';
import { inNetns } from '@calico-node/netlink';
import { describe, expect, it } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { masqueradePoolsSet, networkPoolsSet } from '../src/calc/ip-set.ts';
import { defaultRuleOptions, type RuleOptions } from '../src/rules/options.ts';
import { drivers } from './support/drivers.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { NodeLab, type Workload } from './support/node-lab.ts';

const run = promisify(execFile);

/** Tells each who connects as whom it sees them: `address port`. */
async function serveIn(workload: Workload): Promise<Disposable & { readonly port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(`${socket.remoteAddress?.replace('::ffff:', '')} ${socket.remotePort}`);
  });
  // Without a host, listen makes its socket before it returns.
  inNetns(workload.netns, () => server.listen(0));
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening');
  return { port: address.port, [Symbol.dispose]: () => server.close() };
}

describe.for(Object.entries(drivers))('traffic out of the cluster by %s', ([, openDriver]) => {
  async function seenOutside(more: Partial<RuleOptions>): Promise<{ address: string; port: number }> {
    using lab = new NodeLab();
    const inside = lab.addWorkload('a', '10.65.0.1');
    const outside = lab.addWorkload('b', '192.0.2.9');
    const driver = openDriver({ netns: lab.netns, families: [4], rules: { ...defaultRuleOptions, ...more } });
    try {
      const pools = [networkPoolsSet, masqueradePoolsSet].map((id): Intent => {
        return { type: 'ip-set-update', id, kind: 'net', members: [parseCidr('10.65.0.0/16')] };
      });
      const any = policy('any', [rule('allow')], [rule('allow')]);
      driver.update([
        ...start,
        ...pools,
        any,
        endpoint('a', '10.65.0.1', ['any']),
        endpoint('b', '192.0.2.9', ['any']),
      ]);
      await driver.apply();
      using server = await serveIn(outside);
      const script = `exec 3<>/dev/tcp/192.0.2.9/${server.port}; cat <&3`;
      const { stdout } = await run('nsenter', [
        `--net=/run/netns/${inside.netns}`,
        'timeout',
        '5',
        'bash',
        '-c',
        script,
      ]);
      const [address = '', port] = stdout.split(' ');
      return { address, port: Number(port) };
    } finally {
      driver.close();
    }
  }

  it('has the address of the host, or another that is asked for, and its ports', async () => {
    expect(await seenOutside({})).toMatchObject({ address: '172.16.0.1' });
    const fullyRandom = { masquerade: false, snat: false };
    expect(await seenOutside({ fullyRandom })).toMatchObject({ address: '172.16.0.1' });
    const natPortRange = { first: 50_001, last: 50_003 };
    const masqueraded = await seenOutside({ natPortRange });
    expect(masqueraded.address).toBe('172.16.0.1');
    expect([50_001, 50_002, 50_003]).toContain(masqueraded.port);
    const translated = await seenOutside({ natPortRange, natOutgoingAddress: parseIp('172.16.0.77') });
    expect(translated.address).toBe('172.16.0.77');
    expect([50_001, 50_002, 50_003]).toContain(translated.port);
  });

  it('keeps its own where it leaves by an interface that is not asked for', async () => {
    expect(await seenOutside({ natOutgoingInterface: 'eth+' })).toMatchObject({ address: '10.65.0.1' });
    expect(await seenOutside({ natOutgoingInterface: 'calib' })).toMatchObject({ address: '172.16.0.1' });
  });
});
