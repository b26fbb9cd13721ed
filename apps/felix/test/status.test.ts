import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connectDatastore, loadDatastoreConfig, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { felixLastStatusKey, felixStatusKey } from '@calico-node/model';
import { parseCidr, parseMac } from '@calico-node/net';
import { createLogger } from '@calico-node/service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EndpointStatusFiles } from '../src/status/endpoint-status-files.ts';
import { StatusReporter } from '../src/status/status-reporter.ts';

const identity = (name: string) => ({ orchestratorId: 'cni', workloadId: `default/${name}`, endpointId: 'eth0' });
const prefix = '/calico/felix/v2/no-region/host/n1/';
const hostPrefix = '/calico/felix/v1/host/n1/endpoint/';

let etcd: EtcdProcess;
let backend: Backend;

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints.join(',') } }));
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

const stored = async (): Promise<Record<string, string>> => {
  const { items } = await backend.list(prefix);
  const hosts = await backend.list(hostPrefix);
  return Object.fromEntries([
    ...items.map(({ key, value }) => [key.slice(prefix.length), value] as const),
    ...hosts.items.map(({ key, value }) => [`host endpoint ${key.slice(hostPrefix.length)}`, value] as const),
  ]);
};

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 200; round += 1) {
    if (await holds()) return;
    await delay(25);
  }
  expect(await stored()).toBe('as expected');
}

describe('StatusReporter', () => {
  test('writes the process’s and the endpoints’ states, and removes what is gone', async () => {
    await backend.put(`${prefix}workload/cni/default%2fold/endpoint/eth0`, '{"status":"up"}');
    await backend.put(`${hostPrefix}old`, '{"status":"up"}');
    const abort = new AbortController();
    const reporter = new StatusReporter({
      backend,
      hostname: 'n1',
      region: '',
      intervalSeconds: 30,
      ttlSeconds: 90,
      reportsEndpoints: true,
      endpointDelaySeconds: 0.05,
      log: createLogger('test', 'fatal'),
      now: () => Date.UTC(2026, 0, 2, 3, 4, 5),
    });
    reporter.setEndpoint(identity('a'), 'down');
    reporter.setEndpoint(identity('a'), 'up');
    reporter.setEndpoint(identity('b'), 'error');
    reporter.setHostEndpoint('n1-eth0', 'up');
    reporter.setHostEndpoint('n1/eth1', 'down');
    const running = reporter.run(abort.signal);
    reporter.inSync();
    const process = '{"time":"2026-01-02T03:04:05Z","uptime":0,"first_update":true}';
    const expected = {
      last_reported_status: process,
      status: process,
      'workload/cni/default%2fa/endpoint/eth0': '{"status":"up"}',
      'workload/cni/default%2fb/endpoint/eth0': '{"status":"error"}',
      'host endpoint n1%2feth1': '{"status":"down"}',
      'host endpoint n1-eth0': '{"status":"up"}',
    };
    await eventually(async () => JSON.stringify(await stored()) === JSON.stringify(expected));
    reporter.removeEndpoint(identity('b'));
    reporter.setHostEndpoint('n1-eth0', undefined);
    await eventually(async () => !Object.keys(await stored()).some((key) => /fb\/|n1-eth0/.test(key)));
    abort.abort();
    await running;
  });
});

test('the process’s state goes when nobody renews it, and the last one stays', async () => {
  const abort = new AbortController();
  const reporter = new StatusReporter({
    ...{ backend, hostname: 'n2', region: '', intervalSeconds: 0.3, ttlSeconds: 2, reportsEndpoints: false },
    ...{ endpointDelaySeconds: 1, log: createLogger('test', 'fatal'), now: Date.now },
  });
  const running = reporter.run(abort.signal);
  reporter.inSync();
  const [state, last] = [felixStatusKey('n2'), felixLastStatusKey('n2')];
  const isThere = async (key: string): Promise<boolean> => (await backend.get(key)) !== undefined;
  await expect.poll(() => isThere(last)).toBe(true);
  const first = (await backend.get(last))?.revision;
  await expect.poll(async () => (await backend.get(last))?.revision, { timeout: 10_000 }).not.toBe(first);
  await expect.poll(() => isThere(state)).toBe(true);
  abort.abort();
  await running;
  await expect.poll(() => isThere(state), { timeout: 15_000 }).toBe(false);
  expect(await isThere(last)).toBe(true);
});

describe('EndpointStatusFiles', () => {
  test('has a file for each programmed endpoint, and forgets those of an earlier run', () => {
    const dir = mkdtempSync(join(tmpdir(), 'felix-status-'));
    try {
      writeFileSync(join(dir, 'cni default%2Fold eth0'), 'x');
      const files = new EndpointStatusFiles(dir);
      const a = {
        identity: identity('a'),
        interfaceName: 'calia',
        addresses: ['10.65.0.1/32', 'fd65::1/128'].map(parseCidr),
      };
      files.set({ ...a, addresses: [] });
      files.set({ ...a, mac: parseMac('ee:00:00:00:00:01'), bgpPeer: 'routers' });
      files.set({ identity: identity('b'), interfaceName: 'calib', addresses: [] });
      files.keepOnly([identity('a'), identity('b')]);
      expect(readdirSync(dir).sort()).toEqual(['cni default%2Fa eth0', 'cni default%2Fb eth0']);
      expect(readFileSync(join(dir, 'cni default%2Fa eth0'), 'utf8')).toBe(
        '{"ifaceName":"calia","mac":"ee:00:00:00:00:01","ipv4Nets":["10.65.0.1/32"],"ipv6Nets":["fd65::1/128"],"bgpPeerName":"routers"}',
      );
      files.delete(identity('b'));
      files.delete(identity('c'));
      expect(readdirSync(dir)).toEqual(['cni default%2Fa eth0']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
