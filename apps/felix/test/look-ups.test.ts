import { parseCidr } from '@calico-node/net';
import { expect, test } from 'vitest';
import { NftablesDriver } from '../src/dataplane/nftables/nftables-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { endpoint, policy, rule, start } from './support/intents.ts';
import { canConnect, NodeLab } from './support/node-lab.ts';

test('a policy of many rules is one map in the kernel, which counts each entry’s packets', async () => {
  using lab = new NodeLab();
  const client = lab.addWorkload('1', '10.65.0.1');
  const server = lab.addWorkload('2', '10.65.0.2');
  const driver = new NftablesDriver({
    netns: lab.netns,
    families: [4],
    rules: defaultRuleOptions,
    log: { info: () => undefined, warn: () => undefined },
    onDirty: () => undefined,
  });
  try {
    const many = Array.from({ length: 500 }, (_, index) =>
      rule('allow', {
        protocol: 6,
        source: { nets: [parseCidr(`10.66.${index >> 8}.${index & 255}/32`)] },
        destination: { ports: [{ first: 80, last: 80 }] },
      }),
    );
    const ours = { source: { nets: [parseCidr('10.65.0.0/24')] } };
    const last = [
      rule('deny', { ...ours, protocol: 6, destination: { ports: [{ first: 81, last: 90 }] } }),
      rule('allow', { ...ours, protocol: 6, destination: { ports: [{ first: 80, last: 80 }] } }),
    ];
    driver.update([
      ...start,
      policy('many', [...many, ...last], [rule('allow')]),
      endpoint('1', client.address, ['many']),
      endpoint('2', server.address, ['many']),
    ]);
    await driver.apply();
    expect(await canConnect(client, server.address, 80)).toBe(true);
    expect(await canConnect(client, server.address, 81)).toBe(false);

    const listing = lab.nft('list', 'chain', 'ip', 'calico', 'filter-cali-pi-gnp/many').join(' ');
    expect(listing.match(/vmap/g)).toHaveLength(1);
    expect(listing).toMatch(/10\.65\.0\.0\/24 \. 80 counter packets [1-9]\d* .*? : goto filter-cali-set-accept/);
    expect(listing).toMatch(/10\.65\.0\.0\/24 \. 81-90 counter packets [1-9]\d* .*? : drop/);
    expect(listing).toMatch(/10\.66\.0\.9 \. 80 counter packets 0 /);

    const { writes } = driver;
    driver.resync();
    await driver.apply();
    expect(driver.writes).toBe(writes);
  } finally {
    driver.close();
  }
});
