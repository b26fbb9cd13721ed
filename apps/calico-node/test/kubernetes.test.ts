import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { createLogger } from '@calico-node/service';
import { TestCertificates } from '@calico-node/service/testing';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KubernetesApi } from '../src/kubernetes/api.ts';
import { completeStartup } from '../src/services/complete-startup.ts';
import { keepToken } from '../src/services/keep-token.ts';
import { shutDown } from '../src/services/shutdown.ts';
import { runStartup } from '../src/startup/run-startup.ts';
import { addNodeInterface } from './own-network.ts';

isolateNetwork();
addNodeInterface();

const log = createLogger('test', 'silent');
const signal = AbortSignal.timeout(60_000);
const certificates = new TestCertificates();
let etcd: EtcdProcess;
let backend: Backend;
let resources: Resources;
let dir: string;
let server: Server;
let calls: { method: string; path: string; type: string | undefined; body: unknown }[];
let answers: Record<string, unknown>;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-kubernetes-'));
  certificates.addAuthority('kubernetes');
  copyFileSync(certificates.path('kubernetes.pem'), join(dir, 'ca.crt'));
  writeFileSync(join(dir, 'token'), 'the-token\n');
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints[0] } }));
  resources = new Resources(backend);
  // As much of the API as a node asks for, over TLS, for whoever has the token.
  server = createServer(certificates.identity('kubernetes'), (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '' } = request;
      const text = Buffer.concat(chunks).toString();
      calls.push({
        method,
        path: url,
        type: request.headers['content-type'],
        body: text === '' ? undefined : (JSON.parse(text) as unknown),
      });
      const isKnown = request.headers.authorization === 'Bearer the-token';
      const answer = answers[url];
      response.writeHead(isKnown ? (answer === undefined ? 404 : 200) : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isKnown ? (answer ?? { kind: 'Status', code: 404 }) : { kind: 'Status', code: 401 }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  backend.close();
  await etcd.stop();
  certificates[Symbol.dispose]();
  rmSync(dir, { recursive: true, force: true });
});

beforeEach(() => {
  calls = [];
  answers = {
    '/api/v1/nodes/kn1': {
      kind: 'Node',
      status: {
        addresses: [
          { type: 'Hostname', address: 'kn1' },
          { type: 'ExternalIP', address: '203.0.113.9' },
          { type: 'InternalIP', address: '192.0.2.10' },
          { type: 'InternalIP', address: '2001:db8::10' },
        ],
      },
    },
    '/api/v1/nodes/kn1/status': {},
  };
});

afterEach(async () => {
  for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
});

function environment(extra: Record<string, string> = {}): Record<string, string> {
  return {
    NODENAME: 'n1',
    CALICO_K8S_NODE_REF: 'kn1',
    ETCD_ENDPOINTS: etcd.endpoints[0] ?? '',
    CALICO_RUN_DIR: join(dir, 'run'),
    CALICO_LIB_DIR: join(dir, 'lib'),
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String((server.address() as AddressInfo).port),
    ...extra,
  };
}

function start(extra: Record<string, string> = {}): Promise<unknown> {
  return runStartup({ env: environment(extra), log, signal, serviceAccountDir: dir });
}

const byKubernetes = {
  IP: 'autodetect',
  IP6: 'autodetect',
  IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip',
  IP6_AUTODETECTION_METHOD: 'kubernetes-internal-ip',
};

describe('start-up in Kubernetes', () => {
  test('takes the internal addresses that Kubernetes knows, each with its interface’s prefix', async () => {
    await start(byKubernetes);
    const { spec } = await resources.get('Node', 'n1');
    expect(spec.bgp).toMatchObject({ ipv4Address: '192.0.2.10/24', ipv6Address: '2001:db8::10/64' });
    expect(spec.orchRefs).toEqual([{ nodeName: 'kn1', orchestrator: 'k8s' }]);
  });

  test('says so when Kubernetes knows none, or one that no interface has', async () => {
    answers['/api/v1/nodes/kn1'] = { status: { addresses: [] } };
    await expect(start(byKubernetes)).rejects.toThrow(/the Kubernetes node kn1 has no IPv4 InternalIP/);
    answers['/api/v1/nodes/kn1'] = { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.77' }] } };
    await expect(start(byKubernetes)).rejects.toThrow(/no interface has the address 192\.0\.2\.77/);
    expect((await backend.list('/calico/')).items).toEqual([]);
  });

  test('says what the API server answers when it refuses, and where it was asked', async () => {
    delete answers['/api/v1/nodes/kn1'];
    await expect(start(byKubernetes)).rejects.toThrow(
      /Kubernetes: GET https:\/\/127\.0\.0\.1:\d+\/api\/v1\/nodes\/kn1: 404/,
    );
    expect((await backend.list('/calico/')).items).toEqual([]);
  });

  test('trusts no server but one that the cluster’s authority vouches for', async () => {
    using others = new TestCertificates();
    others.addAuthority('ca');
    copyFileSync(others.path('ca.pem'), others.path('ca.crt'));
    writeFileSync(others.path('token'), 'the-token');
    const api = KubernetesApi.of(environment(), others.directory)!;
    await expect(api.get('/api/v1/nodes/kn1', signal)).rejects.toThrow(/certificate/);
    expect(calls).toEqual([]);
  });

  test('takes pool networks and the kind of cluster from what kubeadm left', async () => {
    const configuration = 'networking:\n  podSubnet: 10.244.0.0/16,fd44::/48\n  serviceSubnet: 10.96.0.0/12\n';
    answers['/api/v1/namespaces/kube-system/configmaps/kubeadm-config'] = {
      data: { ClusterConfiguration: configuration },
    };
    await start({ CLUSTER_TYPE: 'k8s' });
    const pools = (await resources.list('IPPool')).items;
    expect(pools.map(({ spec }) => spec.cidr)).toEqual(['10.244.0.0/16', 'fd44::/48']);
    expect((await resources.get('ClusterInformation', 'default')).spec.clusterType).toBe('k8s,kubeadm');
  });

  test('does without what the API does not say', async () => {
    await start({ KUBERNETES_SERVICE_PORT: '1' });
    expect((await resources.get('Node', 'n1')).spec.bgp).toMatchObject({ ipv4Address: '192.0.2.10/24' });
  });
});

describe('with KUBECONFIG', () => {
  const kubeconfig = (token: string): string => {
    const path = join(dir, 'kubeconfig');
    const { port } = server.address() as AddressInfo;
    writeFileSync(
      path,
      JSON.stringify({
        'current-context': 'c',
        contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
        clusters: [{ name: 'k', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': 'ca.crt' } }],
        users: [{ name: 'u', user: { token } }],
      }),
    );
    return path;
  };
  const outside = { KUBERNETES_SERVICE_HOST: '' };

  test('the API is asked as that file says, outside of a pod too', async () => {
    await start({ ...byKubernetes, ...outside, KUBECONFIG: kubeconfig('the-token') });
    expect((await resources.get('Node', 'n1')).spec.bgp).toMatchObject({ ipv4Address: '192.0.2.10/24' });
  });

  test('credentials that were renewed in the file are used', async () => {
    const api = KubernetesApi.of({ KUBECONFIG: kubeconfig('old-token') })!;
    await expect(api.get('/api/v1/nodes/kn1', signal)).rejects.toThrow(/401/);
    kubeconfig('the-token');
    expect(await api.get('/api/v1/nodes/kn1', signal)).toMatchObject({ kind: 'Node' });
  });

  test.each([
    ['is missing', undefined],
    ['is no kubeconfig', 'apiVersion: v1\n'],
  ])('a file that %s is refused by name before anything is changed', async (_, content) => {
    const path = join(dir, 'no-kubeconfig');
    if (content !== undefined) writeFileSync(path, content);
    await expect(start({ ...outside, KUBECONFIG: path })).rejects.toThrow(
      `KUBECONFIG='${path}': must be a kubeconfig file with a token or a client certificate: `,
    );
    expect((await backend.list('/calico/')).items).toEqual([]);
    rmSync(path, { force: true });
  });
});

describe('the token of the CNI plug-ins', () => {
  const path = '/api/v1/namespaces/kube-system/serviceaccounts/calico-cni-plugin/token';
  const installed = (hostRoot: string): string => {
    try {
      return readFileSync(join(hostRoot, 'etc/cni/net.d/calico-kubeconfig'), 'utf8');
    } catch {
      return '';
    }
  };

  test('is put into the host’s kubeconfig and renewed until the node stops', async () => {
    const hostRoot = join(dir, 'host');
    const stop = new AbortController();
    const give = (token: string): void => {
      answers[path] = { status: { token, expirationTimestamp: new Date(Date.now() + 86_400_000).toISOString() } };
    };
    give('first-given');
    const env = environment({ CNI_TOKEN_REFRESH_INTERVAL: '100ms' });
    const kept = keepToken({ env, hostRoot, log, signal: stop.signal, accountDir: dir });
    await expect.poll(() => installed(hostRoot), { timeout: 10_000 }).toContain('first-given');
    give('second-given');
    await expect.poll(() => installed(hostRoot), { timeout: 10_000 }).toContain('second-given');
    answers = {};
    await expect.poll(() => calls.filter((call) => call.path === path).length, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(installed(hostRoot)).toContain('second-given');
    stop.abort();
    await kept;
  });

  test('is nobody’s business outside of Kubernetes, or where the host’s directory is not there', async () => {
    const hostRoot = join(dir, 'a-file');
    await keepToken({ env: {}, hostRoot, log, signal });
    writeFileSync(hostRoot, '');
    await keepToken({ env: environment(), hostRoot, log, signal, accountDir: dir });
    expect(calls).toEqual([]);
  });
});

describe('Kubernetes is told', () => {
  const conditions = (): unknown => calls.filter(({ method }) => method === 'PATCH').map(({ body }) => body);
  const condition = (status: string, reason: string, message: string): unknown => ({
    status: { conditions: [expect.objectContaining({ type: 'NetworkUnavailable', status, reason, message })] },
  });
  const api = (): KubernetesApi => KubernetesApi.of(environment(), dir)!;

  test('that the network is there once the node is ready, and not before', async () => {
    const blockers = ['felix: starting', undefined];
    const shutdownFile = join(dir, 'shutdownTS');
    writeFileSync(shutdownFile, '');
    const blocker = (): Promise<string | undefined> => {
      expect(conditions()).toEqual([]);
      return Promise.resolve(blockers.shift());
    };
    const kubernetes = { api: api(), nodeName: 'kn1' };
    expect(await completeStartup({ blocker, shutdownFile, kubernetes, log, signal })).toBe(true);
    expect(conditions()).toEqual([condition('False', 'CalicoIsUp', 'Calico is running on this node')]);
    expect(calls.at(-1)).toMatchObject({
      path: '/api/v1/nodes/kn1/status',
      type: 'application/strategic-merge-patch+json',
    });
    expect(() => readFileSync(shutdownFile)).toThrow('ENOENT');
  });

  test('that the network goes, and the time is noted', async () => {
    const env = environment({ CALICO_SHUTDOWN_TIMESTAMP_FILE: join(dir, 'sub/shutdownTS') });
    await shutDown({ env, nodeName: 'n1', log, signal, serviceAccountDir: dir });
    expect(conditions()).toEqual([condition('True', 'CalicoIsDown', 'Calico is shutting down on this node')]);
    expect(Date.parse(readFileSync(join(dir, 'sub/shutdownTS'), 'utf8').trim())).toBeGreaterThan(0);
  });

  test('nothing outside of Kubernetes: only the time is noted', async () => {
    const env = { CALICO_LIB_DIR: join(dir, 'other') };
    await shutDown({ env, nodeName: 'n1', log, signal });
    expect(calls).toEqual([]);
    expect(readFileSync(join(dir, 'other/shutdownTS'), 'utf8')).not.toBe('');
  });
});
