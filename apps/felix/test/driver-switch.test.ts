/**
 * From one packet filter to another, as at a restart with another configuration, under traffic: what is allowed is not
 * interrupted, what is denied never gets through, and nothing of the old one is left.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import type { DriverChoice } from '../src/dataplane/driver-choice.ts';
import { openDriver } from '../src/dataplane/open-driver.ts';
import type { PolicyDriver } from '../src/dataplane/policy-driver.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { endpoint, netSet, policy, rule, setId, start } from './support/intents.ts';
import { canConnect, NodeLab, runIn, type Workload } from './support/node-lab.ts';

const nftables: DriverChoice = { kind: 'nftables' };
const legacy: DriverChoice = { kind: 'iptables', variant: 'legacy' };
const nft: DriverChoice = { kind: 'iptables', variant: 'nft' };
const nameOf = (choice: DriverChoice): string =>
  choice.kind === 'nftables' ? 'nftables' : `iptables-${choice.variant}`;

let lab: NodeLab;
let drivers: PolicyDriver[] = [];

function open(choice: DriverChoice): PolicyDriver {
  const driver = openDriver({
    choice,
    netns: lab.netns,
    families: [4, 6],
    rules: defaultRuleOptions,
    parameters: {
      ChainInsertMode: 'insert',
      FeatureDetectOverride: '',
      MaxIpsetSize: 1000,
      IptablesPostWriteCheckIntervalSecs: 0,
      IptablesRefreshInterval: 0,
    },
    log: { info: () => undefined, warn: () => undefined },
    onDirty: () => undefined,
  });
  drivers.push(driver);
  return driver;
}

beforeEach(() => {
  lab = new NodeLab();
  drivers = [];
});

afterEach(() => {
  for (const driver of drivers) driver.close();
  lab[Symbol.dispose]();
});

/** Pings every few milliseconds until it is asked for the count. */
function ping(from: Workload, to: string): () => Promise<{ readonly sent: number; readonly answered: number }> {
  const command = [`--net=/run/netns/${from.netns}`, 'ping', '-n', '-q', '-i', '0.005', to];
  const child = spawn('nsenter', command, { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return async () => {
    child.kill('SIGINT');
    await once(child, 'close');
    const [, sent, answered] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? [];
    return { sent: Number(sent), answered: Number(answered) };
  };
}

/** What names Calico's things in the kernel. */
function remains(choice: DriverChoice): boolean {
  if (choice.kind === 'nftables') return lab.nft('list', 'tables').some((line) => line.includes('calico'));
  return ['iptables', 'ip6tables'].some((name) => runIn(lab.netns, `${name}-${choice.variant}-save`).includes('cali'));
}

describe.for([
  [nftables, legacy],
  [legacy, nftables],
  [nftables, nft],
  [nft, nftables],
  [legacy, nft],
] as const)('from %o to %o', ([before, after]) => {
  it(`${nameOf(before)} gives way to ${nameOf(after)} without an open door or a closed one`, async () => {
    const a = lab.addWorkload('a', '10.65.0.1');
    const b = lab.addWorkload('b', '10.65.0.2');
    const c = lab.addWorkload('c', '10.65.0.3');
    const state: readonly Intent[] = [
      ...start,
      netSet('friends', ['10.65.0.1/32']),
      policy('friends', [rule('allow', { source: { sets: [setId('friends')] } })], [rule('allow')]),
      ...[a, b, c].map(({ address }, index) => endpoint('abc'[index]!, address, ['friends'])),
    ];
    const old = open(before);
    old.installSkeleton();
    old.update(state);
    await old.apply();
    old.close();
    expect(await canConnect(a, b.address, 80)).toBe(true);
    runIn(lab.netns, 'ipset', 'create', 'mine', 'hash:ip');

    const allowed = ping(a, b.address);
    const denied = [ping(c, b.address), ping(c, a.address), ping(c, '172.16.0.1')];
    const successor = open(after);
    successor.installSkeleton();
    expect(await canConnect(a, b.address, 80)).toBe(true);
    expect(await canConnect(c, b.address, 80)).toBe(false);
    successor.update(state);
    await successor.apply();
    const { sent, answered } = await allowed();
    // The last one may still be on its way.
    expect(answered).toBeGreaterThanOrEqual(sent - 1);
    expect(sent).toBeGreaterThan(20);
    for (const stop of denied) expect(await stop()).toMatchObject({ answered: 0 });

    expect(remains(before)).toBe(false);
    expect(await canConnect(a, b.address, 81)).toBe(true);
    expect(await canConnect(c, b.address, 81)).toBe(false);
    const sets = runIn(lab.netns, 'ipset', 'list', '-n').split('\n');
    expect(sets.some((name) => name.startsWith('cali'))).toBe(after.kind === 'iptables');
    expect(sets).toContain('mine');
    expect(remains(after)).toBe(true);
  });
});

/** Its second state lacks a set of the first, which the rules of the driver before still look into. */
describe.for([
  [legacy, nft],
  [nft, legacy],
] as const)('from %o to %o, with less to do than before', ([before, after]) => {
  it(`${nameOf(after)} takes the sets of ${nameOf(before)} away once that one's rules are gone`, async () => {
    const using = (...sets: string[]): readonly Intent[] => [
      ...start,
      ...sets.map((name) => netSet(name, ['10.65.0.1/32'])),
      policy('p', [rule('allow', { source: { sets: sets.map(setId) } })]),
      endpoint('a', '10.65.0.1', ['p']),
    ];
    const old = open(before);
    old.update(using('gone', 'kept'));
    await old.apply();
    old.close();
    const successor = open(after);
    successor.installSkeleton();
    successor.update(using('kept'));
    await successor.apply();
    expect(remains(before)).toBe(false);
    const sets = runIn(lab.netns, 'ipset', 'list', '-n').split('\n');
    expect(sets.filter((name) => name.includes(':'))).toEqual(['cali40s:kept', 'cali60s:kept']);
  });
});

describe('what is not Calico’s', () => {
  it.each(['legacy', 'nft'] as const)(
    'goes on leading to a chain of iptables-%s, which is empty then',
    async (variant) => {
      const run = (...args: string[]): string => runIn(lab.netns, `iptables-${variant}`, ...args);
      const old = open({ kind: 'iptables', variant });
      old.update([...start, endpoint('a', '10.65.0.1')]);
      await old.apply();
      old.close();
      run('-N', 'mine');
      run('-A', 'mine', '-j', 'cali-tw-calia');
      run('-A', 'mine', '-j', 'cali-FORWARD');
      const successor = open(nftables);
      successor.update(start);
      await successor.apply();
      const rules = run('-S')
        .split('\n')
        .filter((line) => /cali|mine/.test(line));
      expect(rules.sort()).toEqual([
        '-A mine -j cali-FORWARD',
        '-A mine -j cali-tw-calia',
        '-N cali-FORWARD',
        '-N cali-tw-calia',
        '-N mine',
      ]);
      expect(remains(nftables)).toBe(true);
    },
  );

  it('stays as it is when iptables’ rules are taken away', async () => {
    const commands = [
      ['-A', 'FORWARD', '-s', '192.0.2.1', '-j', 'DROP'],
      ['-N', 'mine'],
      ['-A', 'FORWARD', '-j', 'mine'],
    ];
    for (const command of commands) runIn(lab.netns, 'iptables-legacy', ...command);
    const before = runIn(lab.netns, 'iptables-legacy', '-S');
    const old = open(legacy);
    old.update(start);
    await old.apply();
    expect(runIn(lab.netns, 'iptables-legacy', '-S')).not.toBe(before);
    const successor = open(nftables);
    successor.update(start);
    await successor.apply();
    expect(runIn(lab.netns, 'iptables-legacy', '-S')).toBe(before);
  });
});
