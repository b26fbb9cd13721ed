import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectDatastore, loadDatastoreConfig, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { encodeResource, parseResource, resourceKey } from '@calico-node/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from './bird-rig.ts';

const main = join(import.meta.dirname, '../src/main.ts');
const FILES = ['bird.cfg', 'bird6.cfg', 'bird6_aggr.cfg', 'bird6_ipam.cfg', 'bird_aggr.cfg', 'bird_ipam.cfg'];

let etcd: EtcdProcess;
let backend: Backend;
let directory: string;
let confd: ChildProcess | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'calico-confd-bird-'));
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: environment() }));
  await put('IPPool', 'workloads', { cidr: '10.65.0.0/16' });
  for (const number of [1, 2]) await putNode(number);
});

afterEach(async () => {
  if (confd?.exitCode === null) {
    const exited = once(confd, 'exit');
    confd.kill('SIGTERM');
    await exited;
  }
  backend.close();
  await etcd.stop();
  rmSync(directory, { recursive: true, force: true });
});

function environment(): Record<string, string> {
  return {
    ETCD_ENDPOINTS: etcd.endpoints.join(','),
    DATASTORE_TYPE: 'etcdv3',
    CALICO_RUN_DIR: directory,
    CALICO_LIB_DIR: directory,
    CALICO_NETWORKING_BACKEND: 'bird',
    NODE_OPTIONS: process.env['NODE_OPTIONS'] ?? '',
    PATH: process.env['PATH'] ?? '',
  };
}

const filesIn = (): string => join(directory, 'config');
const read = (name: string): string => {
  const path = join(filesIn(), name);
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
};

async function put(kind: string, name: string, spec: object): Promise<void> {
  const resource = parseResource({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec });
  await backend.put(resourceKey(resource.kind, name), encodeResource(resource));
}

async function putNode(number: number): Promise<void> {
  await put('Node', `n${number}`, { bgp: { ipv4Address: `10.0.0.${number}/24` } });
}

async function runOnce(...args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const all = [main, '--onetime', '--bird', filesIn(), '--health-address', 'off', ...args];
  return promisify(execFile)(process.execPath, all, { env: environment() });
}

/** Starts confd with a reload command that takes notes. */
function startConfd(reload = `echo "$BIRD_NAME" >> ${join(directory, 'reloads')}`, ...more: readonly string[]): void {
  const args = ['--node-name', 'n2', '--backend', 'bird', '--bird', filesIn(), '--bird-reload', reload, ...more];
  confd = spawn(process.execPath, [main, '--health-address', 'off', '--log-level', 'error', ...args], {
    env: environment(),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

const reloads = (): string[] => {
  const path = join(directory, 'reloads');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

describe('confd --onetime --bird', () => {
  it('writes the files of the named node into a directory that it makes, and exits', async () => {
    await runOnce('--node-name', 'n1');
    expect(readdirSync(filesIn()).sort()).toEqual(FILES);
    expect(read('bird.cfg')).toContain('protocol bgp Mesh_10_0_0_2 from bgp_template');
    expect(read('bird_ipam.cfg')).toContain('if ( net ~ 10.65.0.0/16 ) then { accept; }');
  });

  it('says in a line why it cannot, with the exit code 1', async () => {
    writeFileSync(join(directory, 'config'), '');
    const stderr = expect.stringMatching(/^confd: the files of bird can't be written: ENOTDIR.*\n$/) as string;
    await expect(runOnce('--node-name', 'n1')).rejects.toMatchObject({ code: 1, stderr });
    await etcd.kill9();
    const unreachable = expect.stringMatching(/^confd: etcd at http.* gave no answer.*\n$/) as string;
    await expect(runOnce('--node-name', 'n1')).rejects.toMatchObject({ code: 1, stderr: unreachable });
  });

  it('takes passwords from a directory, and says what it left out', async () => {
    const password = { secretKeyRef: { name: 'bgp', key: 'tor' } };
    await put('BGPPeer', 'tor', { peerIP: '192.0.2.1', asNumber: 65001, password });
    await put('BGPPeer', 'other', { peerIP: '192.0.2.2', asNumber: 65001, filters: ['missing'] });
    mkdirSync(join(directory, 'secrets', 'bgp'), { recursive: true });
    writeFileSync(join(directory, 'secrets', 'bgp', 'tor'), 'open sesame\n');
    const { stderr } = await runOnce('--node-name', 'n1', '--secrets', join(directory, 'secrets'));
    expect(read('bird.cfg')).toContain('password "open sesame";');
    expect(stderr).toContain('BGPPeer(other): BGPFilter "missing" does not exist');
  });
});

describe("confd with an operator's templates", () => {
  const confdDir = (): string => join(directory, 'confd');

  function template(name: string, text: string, lines: readonly string[]): void {
    for (const part of ['conf.d', 'templates']) mkdirSync(join(confdDir(), part), { recursive: true });
    const toml = ['[template]', `src = "${name}"`, ...lines, ''].join('\n');
    writeFileSync(join(confdDir(), 'conf.d', `${name}.toml`), toml);
    writeFileSync(join(confdDir(), 'templates', name), text);
  }

  it('renders them over our files, and lets BIRD check them with the others', async () => {
    template('aggr', '# by {{getenv "NODENAME"}}\nfunction calico_aggr()\n{\n}\n', [
      `dest = "${filesIn()}/bird_aggr.cfg"`,
      `check_cmd = "grep -q 'by n1' {{.src}}"`,
    ]);
    await runOnce('--node-name', 'n1', '--confdir', confdDir());
    expect(read('bird_aggr.cfg')).toContain('# by n1');
    expect(read('bird.cfg')).toContain('include "bird_aggr.cfg";');
  });

  it.each([
    ['BIRD refuses them', 'no configuration', 'true', /bird\.cfg is not replaced: .*bird_aggr\.cfg:1:\d+ syntax error/],
    [
      'their check fails',
      '# mine\nfunction calico_aggr()\n{\n}\n',
      'echo no; false',
      /check command of bird_aggr\.cfg fails: no/,
    ],
    ['they have an error', '\n{{getv "/none"}}', 'true', /templates\/aggr:2:3: error calling getv: key does not exist/],
  ])('keeps the old files and exits with an error when %s', async (_why, text, check, message) => {
    await runOnce('--node-name', 'n1');
    const before = FILES.map(read);
    template('aggr', text, [`dest = "${filesIn()}/bird_aggr.cfg"`, `check_cmd = "${check}"`]);
    await putNode(3);
    const failure = runOnce('--node-name', 'n1', '--confdir', confdDir());
    await expect(failure).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(message) as string });
    expect(['bird.cfg', 'bird_aggr.cfg', 'bird_ipam.cfg'].map(read)).toEqual(
      ['bird.cfg', 'bird_aggr.cfg', 'bird_ipam.cfg'].map((name) => before[FILES.indexOf(name)]),
    );
  });

  it('runs their reload commands when the store changes their files', async () => {
    template('peers', '{{range lsdir "/bgp/v1/host"}}{{.}} {{end}}', [
      `dest = "${directory}/peers.txt"`,
      'prefix = "/calico"',
      'keys = ["/bgp/v1/host"]',
      `reload_cmd = "cat ${directory}/peers.txt >> ${directory}/seen; echo >> ${directory}/seen"`,
    ]);
    startConfd(undefined, '--confdir', confdDir());
    const seen = (): string =>
      existsSync(join(directory, 'seen')) ? readFileSync(join(directory, 'seen'), 'utf8') : '';
    await until('the first file', seen, (text) => text === 'n1 n2 \n');
    await putNode(3);
    await until('the second file', seen, (text) => text === 'n1 n2 \nn1 n2 n3 \n');
  });
});

describe('confd with the back end bird', () => {
  it('keeps the files as the store says, and reloads the BIRD whose files changed', async () => {
    startConfd();
    await until('first files', reloads, (names) => names.length === 2);
    expect(read('bird.cfg')).toContain('Mesh_10_0_0_1');
    await putNode(3);
    await until(
      'change',
      () => read('bird.cfg'),
      (text) => text.includes('Mesh_10_0_0_3'),
    );
    expect(await until('reload', reloads, (names) => names.length === 3)).toEqual(['bird', 'bird6', 'bird']);
  });

  it('tries to reload again until that succeeds', async () => {
    const flag = join(directory, 'flag');
    startConfd(`test -e ${flag} && echo "$BIRD_NAME" >> ${join(directory, 'reloads')}`);
    await until(
      'files',
      () => read('bird.cfg') !== '' && read('bird6.cfg') !== '',
      (areThere) => areThere,
    );
    expect(reloads()).toEqual([]);
    writeFileSync(flag, '');
    // The first may have been tried just before, the second just after.
    const reloaded = await until('reload', reloads, (names) => names.length === 2);
    expect(reloaded.sort()).toEqual(['bird', 'bird6']);
  });
});
