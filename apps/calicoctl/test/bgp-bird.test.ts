import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';
import type { Result } from './cli.ts';

const namespace = `cnt-${randomBytes(3).toString('hex')}`;
let directory: string;
const birds: ChildProcess[] = [];

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });

/** Two BIRDs in one namespace, each with an address of its own; ours has a second peer that is not there. */
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'calicoctl-bird-'));
  ip('netns', 'add', namespace);
  ip('-n', namespace, 'link', 'set', 'lo', 'up');
  for (const number of [1, 2]) ip('-n', namespace, 'address', 'add', `10.9.0.${number}/32`, 'dev', 'lo');
  const timers = 'connect delay time 1; connect retry time 1; error wait time 1, 1; multihop; strict bind;';
  start('ours', [
    'router id 10.9.0.1;',
    'protocol device { }',
    'protocol static { ipv4; route 10.65.1.0/26 blackhole; route 10.66.0.0/16 blackhole; }',
    'protocol bgp Node_10_9_0_2 {',
    `  local 10.9.0.1 as 64512; neighbor 10.9.0.2 as 65001; ${timers}`,
    '  ipv4 { import all; export where net ~ 10.65.0.0/16; };',
    '}',
    'protocol bgp Global_10_9_0_77 {',
    `  local 10.9.0.1 as 64512; neighbor 10.9.0.77 as 65077; passive; ${timers}`,
    '  ipv4 { import all; export all; };',
    '}',
  ]);
  start('theirs', [
    'router id 10.9.0.2;',
    'protocol device { }',
    'protocol static { ipv4; route 10.70.0.0/24 blackhole; }',
    'protocol bgp to_ours {',
    `  local 10.9.0.2 as 65001; neighbor 10.9.0.1 as 64512; passive; ${timers}`,
    '  ipv4 { import all; export filter { bgp_path.prepend(65002); bgp_med = 7;',
    '    bgp_community.add((65001,5)); bgp_large_community.add((1,2,3)); accept; }; };',
    '}',
  ]);
  await peersShow(/Node_10_9_0_2 .* Established .* 1 +1$/m);
}, 60_000);

afterAll(async () => {
  for (const bird of birds) {
    if (bird.exitCode !== null || bird.signalCode !== null) continue;
    const gone = once(bird, 'exit');
    bird.kill('SIGKILL');
    await gone;
  }
  ip('netns', 'del', namespace);
  rmSync(directory, { recursive: true, force: true });
});

function start(name: string, lines: readonly string[]): void {
  const place = join(directory, name);
  mkdirSync(place);
  writeFileSync(join(place, 'bird.cfg'), `${lines.join('\n')}\n`);
  const args = ['-f', '-c', join(place, 'bird.cfg'), '-s', join(place, 'bird.ctl')];
  birds.push(spawn('nsenter', [`--net=/run/netns/${namespace}`, 'bird', ...args], { stdio: 'ignore' }));
}

const calicoctl = (...args: readonly string[]): Promise<Result> => run('bgp', ...args);

async function run(...args: readonly string[]): Promise<Result> {
  const place = join(directory, 'ours');
  const io = fakeIo({ env: { CALICO_RUN_DIR: place, CALICO_LIB_DIR: place } });
  const code = await runCalicoctl(args, io);
  return { code, stdout: io.stdout.replaceAll(/ +$/gm, ''), stderr: io.stderr };
}

async function peersShow(expected: RegExp): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    const { stdout, stderr } = await calicoctl('peers');
    if (expected.test(stdout)) return stdout;
    if (tries === 400) throw new Error(`peers: ${stdout}${stderr}`);
    await delay(100);
  }
}

const learnt = /^\*  10\.70\.0\.0\/24 +10\.9\.0\.2 +Node_10_9_0_2 +100 +7 +65001 65002 i +65001:5 1:2:3$/m;

describe('calicoctl bgp with BIRD', () => {
  it('shows sessions, and routes with what BGP says of them', async () => {
    const { stdout } = await calicoctl('peers');
    expect(stdout).toMatch(/^NAME +ADDRESS +AS +STATE +SINCE +RECEIVED +SENT +LAST-ERROR$/m);
    expect(stdout).toMatch(/^Global_10_9_0_77 +10\.9\.0\.77 +65077 +Passive +\d\d:\d\d:\d\d +0 +0$/m);
    expect((await calicoctl('routes')).stdout).toMatch(learnt);
    expect((await calicoctl('routes', '--peer', 'Node_10_9_0_2')).stdout).toMatch(learnt);
    expect((await calicoctl('routes', '--peer', 'static')).stdout).not.toMatch(learnt);
    expect((await calicoctl('route', '10.70.0.0/24')).stdout).toMatch(learnt);
    expect((await calicoctl('route', '10.70.0.0/25')).stdout).toBe('No routes.\n');
  });

  it('says which peer is told of a route, and as far as BIRD tells why not', async () => {
    expect((await calicoctl('explain', '10.65.1.0/26')).stdout).toBe(`Paths to 10.65.1.0/26:
  SOURCE   NEXT-HOP   VERDICT
  static   -          best

Announced:
  PEER               TOLD   BECAUSE
  Node_10_9_0_2      yes    the export filter lets it pass
  Global_10_9_0_77   no     the session is not established: Passive
`);
    const kept = /^ {2}Node_10_9_0_2 +no +the export filter keeps it back$/m;
    expect((await calicoctl('explain', '10.66.0.0/16')).stdout).toMatch(kept);
    const back = /^ {2}Node_10_9_0_2 +no +it came from this peer/m;
    expect((await calicoctl('explain', '10.70.0.0/24')).stdout).toMatch(back);
    expect((await calicoctl('explain', '10.9.9.0/24')).stdout).toBe('No path to 10.9.9.0/24 is known.\n');
  });

  it('ends a session, starts it again, and refreshes it', async () => {
    expect((await calicoctl('shutdown', '10.9.0.2', '-m', 'back at noon')).code).toBe(0);
    await peersShow(/Node_10_9_0_2 .* Down \(shut down\) /);
    expect((await calicoctl('reload', 'Node_10_9_0_2')).stdout).toBe('Refreshed: 0, started anew: 1.\n');
    await peersShow(/Node_10_9_0_2 .* Established /);
    expect((await calicoctl('reload', 'Node_10_9_0_2')).stdout).toBe('Refreshed: 1, started anew: 0.\n');
  });

  it("has its sessions in Calico's table, and says which BIRD does not run", async () => {
    const { code, stdout } = await run('node', 'status');
    expect(code).toBe(0);
    expect(stdout.replaceAll(/\d\d:\d\d:\d\d/g, '12:00:00')).toBe(`Calico process is running.

IPv4 BGP status
+--------------+---------------+-------+----------+-------------+
| PEER ADDRESS |   PEER TYPE   | STATE |  SINCE   |    INFO     |
+--------------+---------------+-------+----------+-------------+
| 10.9.0.2     | node specific | up    | 12:00:00 | Established |
| 10.9.0.77    | global        | start | 12:00:00 | Passive     |
+--------------+---------------+-------+----------+-------------+

INFO: BIRDv6 process: 'bird6' is not running.

`);
  });

  it.each([
    [['shutdown', 'nobody'], "there is no peer 'nobody'"],
    [['shutdown', 'Node_10_9_0_2', '-m', 'a "b"'], 'BIRD takes no quotes or line ends in a message'],
    [['route', '10.65.1; show status'], "prefix: '10.65.1; show status' is not a prefix"],
    [['dump', '/dev/null'], "BIRD is this node's BGP daemon"],
  ])('refuses %j', async (args, reason) => {
    const { code, stdout, stderr } = await calicoctl(...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(reason);
  });
});
