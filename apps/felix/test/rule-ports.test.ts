import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { NftablesDriver } from '../src/dataplane/nftables/nftables-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { endpoint, netSet, policy, removePolicy, rule, setId, start } from './support/intents.ts';
import { canConnect, NodeLab, type Workload } from './support/node-lab.ts';

let lab: NodeLab;
let driver: NftablesDriver;
let client: Workload;
let server: Workload;
let dirty = 0;

/** Each argument is a rule of its own. */
const allow = (...ports: readonly (readonly number[])[]): Intent =>
  policy(
    'p',
    ports.map((own) =>
      rule('allow', {
        protocol: 6,
        source: { sets: [setId('clients')] },
        destination: { ports: own.map((port) => ({ first: port, last: port })) },
      }),
    ),
  );

const open = (): NftablesDriver =>
  new NftablesDriver({
    netns: lab.netns,
    families: [4],
    rules: defaultRuleOptions,
    log: { info: () => undefined, warn: () => undefined },
    onDirty: () => dirty++,
  });

async function apply(...intents: readonly Intent[]): Promise<number> {
  const before = driver.writes;
  driver.update(intents);
  await driver.apply();
  return driver.writes - before;
}

const rules = (): string => lab.nft('-a', '-s', 'list', 'chain', 'ip', 'calico', 'filter-cali-pi-gnp/p').join('\n');
const ports = (): string[] =>
  [
    ...lab
      .nft('list', 'set', 'ip', 'calico', 'cali-rule-ports')
      .join(' ')
      .matchAll(/tcp \. (\d+)/g),
  ].map(([, port = '']) => port);

beforeEach(async () => {
  dirty = 0;
  lab = new NodeLab();
  client = lab.addWorkload('1', '10.65.0.1');
  server = lab.addWorkload('2', '10.65.0.2');
  driver = open();
  await apply(
    ...start,
    netSet('clients', [`${client.address}/32`]),
    policy('out', [], [rule('allow')]),
    allow([80], [81, 82]),
    endpoint('1', client.address, ['out']),
    endpoint('2', server.address, ['p']),
  );
});

afterEach(() => {
  driver.close();
  lab[Symbol.dispose]();
});

test('other ports are other elements of one set, and leave the rules as they are', async () => {
  const before = rules();
  expect(before).toContain('ip saddr @cali40s-clients');
  expect(await canConnect(client, server.address, 82)).toBe(true);
  expect(await canConnect(client, server.address, 83)).toBe(false);

  // Elements to take away and elements to add.
  expect(await apply(allow([80], [81, 83]))).toBe(2);
  expect(rules()).toBe(before);
  expect(await canConnect(client, server.address, 82)).toBe(false);
  expect(await canConnect(client, server.address, 83)).toBe(true);
});

test('a policy that nobody has has no ports in the set', async () => {
  expect(ports().sort()).toEqual(['80', '81', '82']);
  await apply(endpoint('2', server.address, []));
  expect(ports()).toEqual([]);
  await apply(endpoint('2', server.address, ['p']));
  expect(ports().sort()).toEqual(['80', '81', '82']);
  await apply(endpoint('2', server.address, []), removePolicy('p'));
  expect(ports()).toEqual([]);
});

test('a port that somebody else adds or takes away is put right', async () => {
  const [element = ''] = /0x\w+ \. 0x\w+ \. tcp \. 80/.exec(
    lab.nft('list', 'set', 'ip', 'calico', 'cali-rule-ports').join(' '),
  ) ?? [''];
  lab.nft(`delete element ip calico cali-rule-ports { ${element} }`);
  lab.nft(`add element ip calico cali-rule-ports { ${element.replace(' 80', ' 84')} }`);
  while (dirty === 0) await delay(2);
  await driver.apply();
  expect(ports().sort()).toEqual(['80', '81', '82']);
  expect(await canConnect(client, server.address, 84)).toBe(false);
});

test('a driver that starts anew finds its ports and writes nothing', async () => {
  driver.close();
  driver = open();
  driver.installSkeleton();
  await apply(
    ...start,
    netSet('clients', [`${client.address}/32`]),
    policy('out', [], [rule('allow')]),
    allow([80], [81, 82]),
    endpoint('1', client.address, ['out']),
    endpoint('2', server.address, ['p']),
  );
  expect(driver.writes).toBe(0);
});
