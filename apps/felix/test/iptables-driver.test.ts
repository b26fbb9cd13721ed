/** What only iptables has: rules of others in the same chains, two variants, IP sets beside the rules, a lock. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Intent } from '../src/calc/intents.ts';
import { chooseDriver, probeFilters } from '../src/dataplane/driver-choice.ts';
import { IptablesDriver, type IptablesDriverOptions } from '../src/dataplane/iptables/iptables-driver.ts';
import type { IptablesVariant } from '../src/dataplane/iptables/variant.ts';
import { defaultRuleOptions } from '../src/rules/options.ts';
import { endpoint, netSet, netSetDelta, policy, removeEndpoint, rule, setId, start } from './support/intents.ts';
import { canConnect, NodeLab, runIn } from './support/node-lab.ts';

const variants: readonly IptablesVariant[] = ['legacy', 'nft'];

const state: readonly Intent[] = [
  ...start,
  netSet('s', ['10.65.0.1/32', '10.65.1.0/24']),
  policy('p', [rule('allow', { source: { sets: [setId('s')] } })], [rule('allow')]),
  endpoint('a', '10.65.0.1', ['p']),
  endpoint('b', '10.65.0.2', ['p']),
];

describe.for(variants)('iptables, %s', (variant) => {
  let lab: NodeLab;
  let driver: IptablesDriver;
  let dirty = 0;
  let warnings: object[] = [];

  function open(more: Partial<IptablesDriverOptions> = {}): IptablesDriver {
    dirty = 0;
    warnings = [];
    return new IptablesDriver({
      variant,
      netns: lab.netns,
      families: [4],
      rules: defaultRuleOptions,
      log: { info: () => undefined, warn: (fields: object) => warnings.push(fields) },
      onDirty: () => dirty++,
      ...more,
    });
  }

  async function apply(...intents: readonly Intent[]): Promise<number> {
    const before = driver.writes;
    driver.update(intents);
    await driver.apply();
    return driver.writes - before;
  }

  const iptables = (...args: string[]): string => runIn(lab.netns, `iptables-${variant}`, ...args);
  const ipset = (...args: string[]): string => runIn(lab.netns, 'ipset', ...args);

  /** Rules of a chain; ours, with their hash, by what they lead to. */
  const rulesOf = (chain: string): string[] =>
    iptables('-S', chain)
      .split('\n')
      .filter((line) => line.startsWith('-A'))
      .map((line) => (line.includes('"cali:') ? line.replace(/^.* -j /, 'ours: ') : line.replace(/^-A \w+ /, '')));

  const everything = (): string =>
    runIn(lab.netns, `iptables-${variant}-save`)
      .replaceAll(/\[\d+:\d+\]|^#.*$/gm, '')
      .concat(ipset('save').replaceAll(/initval \S+|hashsize \S+/g, ''));

  beforeEach(() => {
    lab = new NodeLab();
    driver = open();
  });

  afterEach(() => {
    driver.close();
    lab[Symbol.dispose]();
  });

  it('leaves rules and sets of others alone, and goes before them', async () => {
    iptables('-A', 'FORWARD', '-s', '192.0.2.1/32', '-j', 'DROP');
    iptables('-N', 'mine');
    ipset('create', 'mine', 'hash:ip');
    await apply(...state);
    expect(rulesOf('FORWARD')).toEqual([
      'ours: cali-FORWARD',
      '-s 192.0.2.1/32 -j DROP',
      'ours: ACCEPT',
      'ours: MARK --set-xmark 0x10000/0x10000',
    ]);
    iptables('-I', 'FORWARD', '-s', '192.0.2.2/32', '-j', 'DROP');
    driver.resync();
    expect(await apply()).toBeGreaterThan(0);
    expect(rulesOf('FORWARD')).toEqual([
      'ours: cali-FORWARD',
      '-s 192.0.2.2/32 -j DROP',
      '-s 192.0.2.1/32 -j DROP',
      'ours: ACCEPT',
      'ours: MARK --set-xmark 0x10000/0x10000',
    ]);
    expect(driver.repairs).toBe(1);
    expect(rulesOf('mine')).toEqual([]);
    expect(ipset('list', '-n')).toContain('mine');
  });

  it('goes behind them where ChainInsertMode says so', async () => {
    driver.close();
    driver = open({ insertMode: 'append' });
    iptables('-A', 'INPUT', '-s', '192.0.2.1/32', '-j', 'DROP');
    await apply(...state);
    expect(rulesOf('INPUT')).toEqual(['-s 192.0.2.1/32 -j DROP', 'ours: cali-INPUT']);
    driver.close();
    driver = open({ insertMode: 'append' });
    expect(await apply(...state)).toBe(0);
    driver.close();
    driver = open();
    await apply(...state);
    expect(rulesOf('INPUT')).toEqual(['ours: cali-INPUT', '-s 192.0.2.1/32 -j DROP']);
  });

  it('takes away what an older Felix left', async () => {
    iptables('-N', 'felix-FORWARD');
    iptables('-A', 'FORWARD', '-j', 'felix-FORWARD');
    iptables('-N', 'cali-gone');
    iptables('-A', 'cali-gone', '-j', 'felix-FORWARD');
    ipset('create', 'cali40s:gone', 'hash:net');
    ipset('create', 'cali4t3', 'hash:net');
    for (const name of ['cali4-s:old', 'felix-4-old', 'felix-masq-ipam-pools']) ipset('create', name, 'hash:net');
    for (const name of ['calico', 'felix']) ipset('create', name, 'hash:net');
    await apply(...state);
    expect(everything()).not.toMatch(/felix-|gone|cali4t|old/);
    expect(ipset('list', '-n').split('\n')).toEqual(expect.arrayContaining(['calico', 'felix']));
  });

  it.runIf(variant === 'nft')('writes nothing over a table that it cannot read', async () => {
    await apply(...state);
    const before = everything();
    const nft = (...args: string[]): string => runIn(lab.netns, 'nft', ...args);
    nft('add', 'chain', 'ip', 'filter', 'other');
    nft('add', 'rule', 'ip', 'filter', 'other', 'ct mark 5 drop');
    for (let read = 0; read < 3; read++) {
      driver.resync();
      await expect(apply()).rejects.toThrow(/own nft rules keep it from reading table filter/);
    }
    nft('delete', 'chain', 'ip', 'filter', 'other');
    expect(everything()).toBe(before);
    expect(await apply()).toBe(0);
  });

  it.each([
    ['a rule put first', ['-I', 'cali-FORWARD', '-j', 'ACCEPT']],
    ['a rule put last', ['-A', 'cali-tw-calia', '-j', 'ACCEPT']],
    ['a chain flushed', ['-F', 'cali-tw-calia']],
    ['everything flushed', ['-F']],
    ['a hook taken out', ['-D', 'FORWARD', '1']],
    ['a foreign chain of our name', ['-N', 'cali-mine']],
  ])('puts right: %s', async (_, command) => {
    await apply(...state);
    const before = everything();
    dirty = 0;
    iptables(...command);
    if (variant === 'legacy') driver.resync();
    // Only the nft variant's tables can be watched.
    else while (dirty === 0) await delay(5);
    await driver.apply();
    expect(everything()).toBe(before);
    expect(driver.repairs).toBe(1);
    expect(warnings).toMatchObject([{ changes: expect.any(Number) as number }]);
  });

  it('puts right sets that others changed or took away, and replaces one of another size', async () => {
    await apply(...state);
    const sorted = (): string[] => everything().split('\n').sort();
    const before = sorted();
    ipset('add', 'cali40s:s', '10.7.0.0/16');
    ipset('del', 'cali40s:s', '10.65.0.1');
    driver.resync();
    await driver.apply();
    expect(sorted()).toEqual(before);
    expect(driver.repairs).toBe(1);
    driver.close();
    driver = open({ maxIpSetSize: 4096 });
    await apply(...state);
    expect(ipset('list', '-t', 'cali40s:s')).toContain('maxelem 4096');
    expect(ipset('list', 'cali40s:s')).toContain('10.65.1.0/24');
  });

  it('sees soon what others do to sets and tables, which the kernel tells nobody of', async () => {
    await apply(...state);
    const before = everything().split('\n').sort();
    // Each of them again and again, and each time more: the first may come before the driver looked at its own work.
    const changes: ((turn: number) => readonly string[])[] = [
      (turn) => ['ipset', 'add', 'cali40s:s', `10.99.${turn}.0/24`],
      () => [`iptables-${variant}`, '-t', 'raw', '-A', 'cali-PREROUTING', '-j', 'ACCEPT'],
      (turn) => {
        const old = turn === 0 ? '10.65.0.1' : `10.98.${turn}.0/24`;
        return ['sh', '-c', `ipset del cali40s:s ${old}; ipset add cali40s:s 10.98.${turn + 1}.0/24`]; // as many as before
      },
    ];
    for (const [index, change] of changes.entries()) {
      let turn = 0;
      dirty = 0;
      const seen = (): number => {
        runIn(lab.netns, ...change(turn++));
        return dirty;
      };
      await expect.poll(seen, { timeout: 10_000, interval: 100 }).toBeGreaterThan(0);
      await driver.apply();
      expect(everything().split('\n').sort()).toEqual(before);
      expect(driver.repairs).toBe(index + 1);
    }
  });

  it('fills a set that mostly changes beside the old one, and swaps them', async () => {
    const many = (start: number): string[] => Array.from({ length: 200 }, (_, index) => `10.${start}.0.${index}/32`);
    await apply(...state, netSet('s', many(1)));
    await apply(netSetDelta('s', many(2), many(1)));
    const members = ipset('list', 'cali40s:s');
    expect(members).toContain('10.2.0.199');
    expect(members).not.toContain('10.1.0.');
    expect(ipset('list', '-n')).not.toContain('cali4t');
  });

  it('keeps the old rules when a change fails, and makes it once it can', async () => {
    const a = lab.addWorkload('a', '10.65.0.1');
    const b = lab.addWorkload('b', '10.65.0.2');
    await apply(...state);
    expect(await canConnect(a, b.address, 80)).toBe(true);
    // A set of the name that ours would have, of another type, which somebody's rule holds on to.
    ipset('create', 'cali40s:new', 'hash:ip');
    iptables('-A', 'OUTPUT', '-m', 'set', '--match-set', 'cali40s:new', 'dst', '-j', 'DROP');
    const change = [
      netSet('new', ['10.65.0.9/32']),
      policy('p', [rule('allow', { source: { sets: [setId('new')] } })], [rule('allow')]),
    ];
    driver.resync();
    await expect(apply(...change)).rejects.toThrow('in use');
    expect(await canConnect(a, b.address, 80)).toBe(true);
    expect(await canConnect(b, a.address, 80)).toBe(false);
    iptables('-D', 'OUTPUT', '-m', 'set', '--match-set', 'cali40s:new', 'dst', '-j', 'DROP');
    await driver.apply();
    expect(await canConnect(a, b.address, 80)).toBe(false);
  });

  it('takes names that no checking client would have stored', async () => {
    const odd = ['x y', 'x"y', 'x\n-A FORWARD -j ACCEPT'];
    await apply(...start, ...odd.map((name) => policy(name, [rule('allow')])), endpoint('a', '10.65.0.1', odd));
    expect(driver.hasProblems).toBe(false);
    expect(iptables('-S', 'cali-tw-calia').match(/-j cali-pi-_/g)).toHaveLength(odd.length);
    expect(rulesOf('FORWARD').filter((text) => text.includes('ACCEPT'))).toEqual(['ours: ACCEPT']);
  });

  it('is not held up by rules of others that lead to what should be gone', async () => {
    await apply(...state);
    iptables('-N', 'mine');
    iptables('-A', 'mine', '-m', 'set', '--match-set', 'cali40s:s', 'src', '-j', 'cali-tw-calib');
    await apply(removeEndpoint('b'), policy('p', [rule('deny')]), { type: 'ip-set-remove', id: setId('s') });
    expect(rulesOf('cali-tw-calib')).toEqual([]);
    expect(iptables('-S')).not.toContain('cali-fw-calib');
    expect(ipset('list', '-n')).toContain('cali40s:s');
    expect(warnings).toEqual([{ held: ['ip4 filter cali-tw-calib', 'ip4 set cali40s:s'] }]);

    expect(await apply()).toBe(0);
    await apply(endpoint('c', '10.65.0.3', ['p']));
    expect(iptables('-S')).toContain('cali-tw-calic');
    expect(warnings).toHaveLength(1);

    iptables('-F', 'mine');
    driver.resync();
    await apply();
    expect(iptables('-S')).not.toContain('cali-tw-calib');
    expect(ipset('list', '-n')).not.toContain('cali40s:s');
  });

  it('leaves the old rules or the new when it is killed half-way', async () => {
    await apply(...state);
    const before = everything();
    // What restore has been told when it dies: all but the end of the table.
    const restore = spawn('nsenter', [`--net=/run/netns/${lab.netns}`, `iptables-${variant}-restore`, '--noflush']);
    restore.stdin.write('*filter\n:cali-FORWARD - [0:0]\n-A cali-FORWARD -j ACCEPT\n');
    await delay(100);
    restore.kill('SIGKILL');
    await once(restore, 'close');
    expect(everything()).toBe(before);
    driver.resync();
    expect(await apply()).toBe(0);
    expect(await apply(removeEndpoint('b'))).toBeGreaterThan(0);
  });
});

describe('the xtables lock', () => {
  it('is waited for while somebody else changes the legacy tables', async () => {
    using lab = new NodeLab();
    const directory = mkdtempSync(join(tmpdir(), 'calico-felix-'));
    const lockFile = join(directory, 'xtables.lock');
    vi.stubEnv('XTABLES_LOCKFILE', lockFile);
    const holder = spawn('flock', [lockFile, 'sh', '-c', 'echo held; read _']);
    const driver = new IptablesDriver({
      variant: 'legacy',
      netns: lab.netns,
      families: [4],
      rules: defaultRuleOptions,
      log: { info: () => undefined, warn: () => undefined },
      onDirty: () => undefined,
    });
    try {
      await once(holder.stdout, 'data');
      driver.update(state);
      const order: string[] = [];
      const applied = driver.apply().then(() => order.push('applied'));
      await delay(300);
      order.push('released');
      holder.stdin.end('\n');
      await applied;
      expect(order).toEqual(['released', 'applied']);
      expect(runIn(lab.netns, 'iptables-legacy', '-S')).toContain('cali-tw-calia');
    } finally {
      driver.close();
      holder.kill('SIGKILL');
      vi.unstubAllEnvs();
      rmSync(directory, { recursive: true });
    }
  });
});

describe('IptablesBackend auto', () => {
  it('is the variant that the host’s rules are in', () => {
    using lab = new NodeLab();
    const choice = () => chooseDriver({ NFTablesMode: 'Disabled', IptablesBackend: 'auto' }, probeFilters(lab.netns));
    expect(choice()).toEqual({ kind: 'iptables', variant: 'legacy' });
    runIn(lab.netns, 'ip6tables-nft', '-A', 'INPUT', '-j', 'ACCEPT');
    expect(choice()).toEqual({ kind: 'iptables', variant: 'nft' });
    for (let count = 0; count < 2; count++) runIn(lab.netns, 'iptables-legacy', '-A', 'INPUT', '-j', 'ACCEPT');
    expect(choice()).toEqual({ kind: 'iptables', variant: 'legacy' });
    expect(chooseDriver({ NFTablesMode: 'Auto', IptablesBackend: 'auto' }, probeFilters(lab.netns))).toEqual({
      kind: 'nftables',
    });
  });
});
