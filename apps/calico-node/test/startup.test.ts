import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { ConfigError, createLogger } from '@calico-node/service';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runStartup, type StartupOutcome } from '../src/startup/run-startup.ts';
import { addNodeInterface } from './own-network.ts';

isolateNetwork();
addNodeInterface();

let etcd: EtcdProcess;
let backend: Backend;
let resources: Resources;
let dir: string;

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints[0] } }));
  resources = new Resources(backend);
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-startup-'));
});

afterEach(async () => {
  for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
  rmSync(dir, { recursive: true, force: true });
});

function start(env: Record<string, string> = {}): Promise<StartupOutcome> {
  return runStartup({
    env: {
      NODENAME: 'n1',
      ETCD_ENDPOINTS: etcd.endpoints[0],
      CALICO_RUN_DIR: join(dir, 'run'),
      CALICO_LIB_DIR: join(dir, 'lib'),
      ...env,
    },
    log: createLogger('test', 'silent'),
    signal: AbortSignal.timeout(30_000),
  });
}

describe('start-up', () => {
  test('registers the node and creates what every cluster has', async () => {
    await start({ IP: 'autodetect', IP6: 'autodetect', AS: '65001', CLUSTER_TYPE: 'lab', CALICO_K8S_NODE_REF: 'kn1' });
    const node = await resources.get('Node', 'n1');
    expect(node.spec).toEqual({
      bgp: { asNumber: 65001, ipv4Address: '192.0.2.10/24', ipv6Address: '2001:db8::10/64' },
      orchRefs: [{ nodeName: 'kn1', orchestrator: 'k8s' }],
      interfaces: [{ name: 'eth0', addresses: ['192.0.2.10', '2001:db8::10'] }],
    });
    const pools = (await resources.list('IPPool')).items;
    expect(pools.map((pool) => [pool.metadata.name, pool.spec.blockSize, pool.spec.natOutgoing])).toEqual([
      ['default-ipv4-ippool', 26, true],
      ['default-ipv6-ippool', 122, undefined],
    ]);
    expect(pools[0]!.spec.cidr).toBe('192.168.0.0/16');
    expect(pools[1]!.spec.cidr).toMatch(/^fd[0-9a-f:]+\/48$/);
    const { spec } = await resources.get('ClusterInformation', 'default');
    expect(spec).toMatchObject({ clusterType: 'lab', datastoreReady: true });
    expect(spec.clusterGUID).toMatch(/^[0-9a-f]{32}$/);
    expect((await resources.list('Tier')).items).toHaveLength(3);
    expect((await resources.get('FelixConfiguration', 'default')).spec).toMatchObject({
      logSeverityScreen: 'Info',
      reportingInterval: '0s',
    });
    expect((await resources.get('FelixConfiguration', 'node.n1')).spec).toMatchObject({
      defaultEndpointToHostAction: 'Return',
    });
    expect((await resources.get('BGPConfiguration', 'default')).metadata.name).toBe('default');
    expect(readFileSync(join(dir, 'lib/nodename'), 'utf8')).toBe('n1');
  });

  test('changes nothing the second time', async () => {
    await start();
    const before = await backend.list('/calico/');
    await start();
    expect((await backend.list('/calico/')).items).toEqual(before.items);
  });

  test('describes the default pool as the environment says', async () => {
    await start({
      CALICO_IPV4POOL_CIDR: '10.65.0.0/16',
      CALICO_IPV4POOL_VXLAN: 'CrossSubnet',
      CALICO_IPV4POOL_BLOCK_SIZE: '27',
      CALICO_IPV6POOL_CIDR: 'none',
    });
    const pools = (await resources.list('IPPool')).items;
    expect(pools).toHaveLength(1);
    expect(pools[0]!.spec).toMatchObject({
      cidr: '10.65.0.0/16',
      vxlanMode: 'CrossSubnet',
      ipipMode: 'Never',
      blockSize: 27,
    });
  });

  test('keeps the labels and annotations of the node, and what else it does not decide', async () => {
    await start();
    const { metadata, spec, ...rest } = await resources.get('Node', 'n1');
    const more = { labels: { zone: 'west' }, annotations: { note: 'x' } };
    const bgp = { ...spec.bgp, routeReflectorClusterID: '244.0.0.1' };
    await resources.update({ ...rest, metadata: { ...metadata, ...more }, spec: { ...spec, bgp } });
    await start({ AS: '65009' });
    const again = await resources.get('Node', 'n1');
    expect(again.metadata).toMatchObject(more);
    expect(again.spec.bgp).toEqual({ ...bgp, asNumber: 65009 });
  });

  test('makes no pools with NO_DEFAULT_POOLS', async () => {
    await start({ NO_DEFAULT_POOLS: 'true' });
    expect((await resources.list('IPPool')).items).toEqual([]);
  });

  test('gives the tunnels addresses before anything runs', async () => {
    await start({ CALICO_IPV4POOL_IPIP: 'Always', CALICO_IPV6POOL_VXLAN: 'Always' });
    const { spec } = await resources.get('Node', 'n1');
    expect(spec.bgp?.ipv4IPIPTunnelAddr).toMatch(/^192\.168\./);
    expect(spec.ipv6VXLANTunnelAddr).toMatch(/^fd/);
  });

  test('keeps the pools that there are', async () => {
    await resources.create({
      kind: 'IPPool',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'mine' },
      spec: { cidr: '10.9.0.0/16', nodeSelector: 'all()' },
    });
    await start({ CALICO_IPV6POOL_CIDR: 'none' });
    expect((await resources.list('IPPool')).items.map((pool) => pool.metadata.name)).toEqual(['mine']);
  });

  test('is safe for many nodes at once', async () => {
    await Promise.all(
      [1, 2, 3, 4].map((n) =>
        start({ NODENAME: `n${n}`, IP: `192.0.2.${n}/24`, CALICO_LIB_DIR: join(dir, String(n)) }),
      ),
    );
    expect((await resources.list('Node')).items).toHaveLength(4);
    expect((await resources.list('IPPool')).items).toHaveLength(2);
  });

  test('refuses the address of another node, and changes nothing', async () => {
    await start({ NODENAME: 'n2' });
    await expect(start()).rejects.toThrow(/192\.0\.2\.10 of this node is already that of node n2/);
    expect((await resources.list('Node')).items.map((node) => node.metadata.name)).toEqual(['n2']);
    await start({ DISABLE_NODE_IP_CHECK: 'true' });
  });

  test('refuses a malformed environment before it changes anything', async () => {
    await expect(start({ CALICO_IPV4POOL_BLOCK_SIZE: '99' })).rejects.toThrow(ConfigError);
    expect((await backend.list('/calico/')).items).toEqual([]);
  });

  test('says which candidates it looked at when it finds no address', async () => {
    const attempt = start({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'cidr=10.0.0.0/8' });
    await expect(attempt).rejects.toThrow(/no usable IPv4 address on eth0 \(192\.0\.2\.10/);
  });

  test('finds the address towards a destination', async () => {
    await start({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'can-reach=192.0.2.99' });
    expect((await resources.get('Node', 'n1')).spec.bgp).toMatchObject({ ipv4Address: '192.0.2.10/24' });
  });

  test('takes tunnel addresses that the pools ask for, but none where Kubernetes gives the pod networks', async () => {
    const ipip = { CALICO_IPV4POOL_IPIP: 'Always' };
    await start({ ...ipip, USE_POD_CIDR: 'true' });
    expect((await resources.get('Node', 'n1')).spec.bgp?.ipv4IPIPTunnelAddr).toBeUndefined();
    await start(ipip);
    expect((await resources.get('Node', 'n1')).spec.bgp?.ipv4IPIPTunnelAddr).toBeDefined();
  });

  test('needs no address without a networking back end', async () => {
    await start({ CALICO_NETWORKING_BACKEND: 'none' });
    expect((await resources.get('Node', 'n1')).spec.bgp).toBeUndefined();
  });

  test('waits for a datastore that is away when told to', { timeout: 60_000 }, async () => {
    await etcd.kill9();
    const waiting = start({ WAIT_FOR_DATASTORE: 'true' });
    await etcd.restart();
    await waiting;
    expect((await resources.get('Node', 'n1')).metadata.name).toBe('n1');
  });
});
