import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { connectDatastore, loadDatastoreConfig, type Backend } from '@calico-node/datastore';
import { freePort, startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { KubernetesApi } from '@calico-node/kubernetes/testing';
import { affinityKey, encodeAffinity, encodeResource, parseResource, resourceKey } from '@calico-node/model';
import { parseCidr } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordDaemon } from './daemon-recorder.ts';

const main = join(import.meta.dirname, '../src/main.ts');

let etcd: EtcdProcess;
let backend: Backend;
let runDir: string;
let healthPort: number;
let confd: ChildProcess | undefined;

beforeEach(async () => {
  runDir = mkdtempSync(join(tmpdir(), 'calico-confd-'));
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: environment() }));
  healthPort = await freePort();
});

afterEach(async () => {
  await stopConfd();
  backend.close();
  await etcd.stop();
  rmSync(runDir, { recursive: true, force: true });
});

function environment(): Record<string, string> {
  return {
    ETCD_ENDPOINTS: etcd.endpoints.join(','),
    DATASTORE_TYPE: 'etcdv3',
    CALICO_RUN_DIR: runDir,
    CALICO_LIB_DIR: runDir,
    NODENAME: 'n2',
    NODE_OPTIONS: process.env['NODE_OPTIONS'] ?? '',
  };
}

function startConfd(env: Readonly<Record<string, string>> = {}): void {
  confd = spawn(process.execPath, [main, '--log-level', 'warn', '--health-address', `127.0.0.1:${healthPort}`], {
    env: { ...environment(), ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

async function stopConfd(): Promise<void> {
  if (confd?.exitCode !== null) return;
  const exited = once(confd, 'exit');
  confd.kill('SIGTERM');
  await exited;
}

const socket = (): string => join(runDir, 'bgp.sock');

async function put(kind: string, name: string, spec: object): Promise<void> {
  const resource = parseResource({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec });
  await backend.put(resourceKey(resource.kind, name), encodeResource(resource));
}

async function putNodes(...names: readonly string[]): Promise<void> {
  for (const name of names) await put('Node', name, { bgp: { ipv4Address: `10.0.0.${name.slice(1)}/24` } });
}

async function readiness(): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${healthPort}/readiness`, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text() };
}

/** Asks until it holds; the test's own time limit ends it otherwise. */
async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (;;) {
    if (confd?.exitCode !== null) throw new Error('confd has ended');
    const answer = await ask().catch(() => undefined);
    if (answer !== undefined && holds(answer)) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const hasNeighbors =
  (...addresses: readonly string[]) =>
  (config: { readonly neighbors: readonly { readonly address: string }[] }): boolean =>
    JSON.stringify(config.neighbors.map(({ address }) => address)) === JSON.stringify(addresses);

describe('confd', () => {
  it("hands the daemon the store's configuration, whole from the first, and each change of it", async () => {
    await putNodes('n1', 'n2', 'n3');
    await put('IPPool', 'workloads', { cidr: '10.65.0.0/16' });
    await using daemon = await recordDaemon(socket());
    startConfd();
    const first = await daemon.waitFor(() => true);
    expect(hasNeighbors('10.0.0.1', '10.0.0.3')(first)).toBe(true);
    expect(first.kernel?.announceWithin).toEqual(['10.65.0.0/16']);

    const block = parseCidr('10.65.4.0/26');
    await backend.put(affinityKey('host', 'n2', block), encodeAffinity({ state: 'confirmed', deleted: false }));
    await daemon.waitFor((config) =>
      config.staticRoutes.some((route) => route.prefix === block && route.suppressSpecifics),
    );
    await backend.delete(resourceKey('Node', 'n1'));
    await daemon.waitFor(hasNeighbors('10.0.0.3'));
    expect((await eventually(readiness, ({ status }) => status === 200)).status).toBe(200);
  });

  it('hands over nothing for changes that do not concern the configuration', async () => {
    await putNodes('n1', 'n2');
    await using daemon = await recordDaemon(socket());
    startConfd();
    await daemon.waitFor(hasNeighbors('10.0.0.1'));
    await put('Node', 'n1', {
      bgp: { ipv4Address: '10.0.0.1/24' },
      orchRefs: [{ nodeName: 'n1', orchestrator: 'k8s' }],
    });
    await backend.put(
      affinityKey('host', 'n1', parseCidr('10.65.0.0/26')),
      encodeAffinity({ state: 'confirmed', deleted: false }),
    );
    await putNodes('n3');
    await daemon.waitFor(hasNeighbors('10.0.0.1', '10.0.0.3'));
    expect(daemon.applied).toHaveLength(2);
  });

  it('has sessions with the workloads of this node that a BGPPeer selects, while they are there', async () => {
    await using daemon = await recordDaemon(socket());
    await putNodes('n2');
    await put('BGPConfiguration', 'default', { localWorkloadPeeringIPV4: '169.254.0.179' });
    const keyOn = (node: string): string => resourceKey('WorkloadEndpoint', `${node}-k8s-vm-eth0`, 'default');
    const endpoint = (node: string, ip: string): string =>
      JSON.stringify({
        kind: 'WorkloadEndpoint',
        apiVersion: 'projectcalico.org/v3',
        metadata: { name: `${node}-k8s-vm-eth0`, namespace: 'default', labels: { role: 'router' } },
        spec: { node, orchestrator: 'k8s', pod: 'vm', endpoint: 'eth0', ipNetworks: [`${ip}/32`] },
      });
    await backend.put(keyOn('n2'), endpoint('n2', '10.65.0.9'));
    await backend.put(keyOn('n3'), endpoint('n3', '10.65.3.9'));
    startConfd();
    await daemon.waitFor(hasNeighbors());
    await put('BGPPeer', 'routers', { localWorkloadSelector: "role == 'router'", asNumber: 65401 });
    const { kernel } = await daemon.waitFor(hasNeighbors('10.65.0.9'));
    expect(kernel?.localAddresses).toEqual(['169.254.0.179']);
    await backend.put(keyOn('n2'), endpoint('n2', '10.65.0.10'));
    await daemon.waitFor(hasNeighbors('10.65.0.10'));
    await backend.delete(keyOn('n2'));
    await eventually(
      () => Promise.resolve(daemon.applied.slice(-1)),
      (last) => last.every(hasNeighbors()),
    );
  });

  it('hands it over again to a daemon that was restarted, and is not ready meanwhile', async () => {
    await putNodes('n1', 'n2');
    const before = await recordDaemon(socket());
    startConfd();
    await before.waitFor(hasNeighbors('10.0.0.1'));
    await before.stop();
    const { body } = await eventually(readiness, ({ status }) => status === 503);
    expect(body).toContain('BGP daemon');
    await using after = await recordDaemon(socket());
    expect(hasNeighbors('10.0.0.1')(await after.waitFor(() => true))).toBe(true);
    await eventually(readiness, ({ status }) => status === 200);
  });

  it('starts before the daemon and before the store, and outlives the absence of the store', async () => {
    await putNodes('n1', 'n2');
    await etcd.kill9();
    startConfd();
    await eventually(readiness, ({ status }) => status === 503);
    await etcd.restart();
    await using daemon = await recordDaemon(socket());
    await daemon.waitFor(hasNeighbors('10.0.0.1'));
    await etcd.kill9();
    await etcd.restart();
    await putNodes('n3');
    await daemon.waitFor(hasNeighbors('10.0.0.1', '10.0.0.3'));
    expect(daemon.applied).toHaveLength(2);
  });

  it('says so when the daemon refuses a configuration, and goes on with the next', async () => {
    await putNodes('n1', 'n2');
    await using daemon = await recordDaemon(socket());
    daemon.refuse(({ neighbors }) => (neighbors.length > 1 ? 'neighbors[1]: too many' : undefined));
    startConfd();
    await daemon.waitFor(hasNeighbors('10.0.0.1'));
    await putNodes('n3');
    await eventually(readiness, ({ body }) => body.includes('neighbors[1]: too many'));
    await backend.delete(resourceKey('Node', 'n1'));
    await daemon.waitFor(hasNeighbors('10.0.0.3'));
  });

  it('leaves out a value that it cannot read, and reads the rest', async () => {
    await putNodes('n1', 'n2');
    await backend.put(resourceKey('Node', 'n9'), '{"metadata": 5');
    await using daemon = await recordDaemon(socket());
    startConfd();
    await daemon.waitFor(hasNeighbors('10.0.0.1'));
  });

  it('prints the configuration once when asked to', async () => {
    await putNodes('n1', 'n2');
    const { stdout } = await promisify(execFile)(process.execPath, [main, '--onetime', '--health-address', 'off'], {
      env: environment(),
    });
    expect(JSON.parse(stdout)).toMatchObject({
      nodeName: 'n2',
      localAs: 64512,
      neighbors: [{ name: 'Mesh_10_0_0_1' }],
    });
  });
});

describe('confd in Kubernetes', () => {
  const SERVICES = '/api/v1/services';
  const SLICES = '/apis/discovery.k8s.io/v1/endpointslices';
  const SECRETS = '/api/v1/namespaces/kube-system/secrets';

  const web = {
    metadata: { namespace: 'shop', name: 'web' },
    spec: { type: 'NodePort', clusterIP: '10.96.0.10', externalTrafficPolicy: 'Local' },
  };
  const slice = (nodeName: string): { metadata: { namespace: string; name: string; labels: object } } => ({
    metadata: { namespace: 'shop', name: 'web-x', labels: { 'kubernetes.io/service-name': 'web' } },
    ...{ addressType: 'IPv4', endpoints: [{ nodeName }] },
  });
  const secret = (password: string): { metadata: { namespace: string; name: string } } => ({
    metadata: { namespace: 'kube-system', name: 'bgp' },
    ...{ data: { tor: Buffer.from(password).toString('base64') } },
  });

  it('announces a local service while an endpoint is ready here', async () => {
    await using api = await KubernetesApi.start();
    api.set(SERVICES, web);
    api.set(SLICES, slice('n2'));
    await putNodes('n1', 'n2');
    await put('BGPConfiguration', 'default', { serviceClusterIPs: [{ cidr: '10.96.0.0/12' }] });
    await using daemon = await recordDaemon(socket());
    startConfd({ KUBECONFIG: api.writeKubeconfig(join(runDir, 'kubeconfig')) });
    const announces =
      (holds: boolean) =>
      ({ staticRoutes }: { readonly staticRoutes: readonly { readonly prefix: string }[] }): boolean =>
        staticRoutes.some(({ prefix }) => prefix === '10.96.0.10/32') === holds;
    expect(announces(true)(await daemon.waitFor(() => true))).toBe(true);
    api.set(SLICES, slice('n1'));
    await daemon.waitFor(announces(false));
  });

  it('takes passwords of sessions from secrets, from the first, and follows them', async () => {
    await using api = await KubernetesApi.start();
    api.set(SECRETS, secret('first'));
    await putNodes('n1', 'n2');
    const password = { secretKeyRef: { name: 'bgp', key: 'tor' } };
    await put('BGPPeer', 'tor', { peerIP: '192.0.2.1', asNumber: 65001, password });
    await using daemon = await recordDaemon(socket());
    startConfd({ KUBECONFIG: api.writeKubeconfig(join(runDir, 'kubeconfig')) });
    const passwordOf = ({ neighbors }: { readonly neighbors: readonly { readonly password: string }[] }): string =>
      neighbors.map((neighbor) => neighbor.password).join('');
    expect(passwordOf(await daemon.waitFor(() => true))).toBe('first');
    api.set(SECRETS, secret('second'));
    await daemon.waitFor((config) => passwordOf(config) === 'second');
    expect(api.asked.filter((path) => path !== SECRETS)).toEqual([]);
  });
});
