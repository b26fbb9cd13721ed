/* What is wrong in the environment ends calico-node before it has changed anything: in the store, or on the host. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addNodeInterface } from './own-network.ts';
import { finish, type Finished } from './node-rig.ts';

const main = join(import.meta.dirname, '../src/main.ts');
let etcd: EtcdProcess;
let dir: string;

beforeAll(async () => {
  isolateNetwork();
  addNodeInterface();
  etcd = await startEtcd();
  dir = mkdtempSync(join(tmpdir(), 'cnt-refusals-'));
});

afterAll(async () => {
  await etcd.stop();
  rmSync(dir, { recursive: true, force: true });
});

function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Finished> {
  const given = {
    PATH: process.env['PATH'],
    NODENAME: 'n1',
    ETCD_ENDPOINTS: etcd.endpoints[0],
    CALICO_RUN_DIR: join(dir, 'run'),
    CALICO_LIB_DIR: join(dir, 'lib'),
  };
  return finish(spawn(process.execPath, [main, ...args], { env: { ...given, ...env } }));
}

async function keysInStore(): Promise<number> {
  const backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints[0] } }));
  try {
    return (await backend.list('/calico/')).items.length;
  } finally {
    backend.close();
  }
}

test.each([
  [[], { IP_AUTODETECTION_METHOD: 'best' }, "IP_AUTODETECTION_METHOD='best': must be first-found, "],
  [[], { ETCD_ENDPOINTS: 'etcd:2379' }, 'ETCD_ENDPOINTS'],
  [
    [],
    { FELIX_IPTABLESBACKEND: 'ebpf', FELIX_IPV6SUPPORT: 'false' },
    "IptablesBackend is 'ebpf' in the environment: it takes one of auto, legacy, nft",
  ],
  [['-startup'], { FELIX_HEALTHPORT: 'high' }, "HealthPort is 'high' in the environment: it takes "],
])('calico-node %j refuses %j', async (args, env, words) => {
  const { code, stderr } = await run(args, env);
  expect(stderr).toContain(words);
  expect(code).toBe(2);
  expect(await keysInStore()).toBe(0);
  expect(existsSync(join(dir, 'lib'))).toBe(false);
});
