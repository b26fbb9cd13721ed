/*
 * deploy/kubernetes and what a node asks of Kubernetes, with Kubernetes' own API server where there is one: the manifests
 * are taken, and the rights that they give are enough, and no more than that.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { isolateNetwork } from '@calico-node/netlink';
import { createLogger } from '@calico-node/service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { completeStartup } from '../src/services/complete-startup.ts';
import { keepToken } from '../src/services/keep-token.ts';
import { kubernetesOf, shutDown } from '../src/services/shutdown.ts';
import { runStartup } from '../src/startup/run-startup.ts';
import { apiServerProblem, placeAccount, startApiServer, type KubernetesServer } from './kube-apiserver.ts';
import { addNodeInterface } from './own-network.ts';

const problem = apiServerProblem();
if (problem !== undefined) console.warn(`skipped: deploy/kubernetes on a Kubernetes API: ${problem}`);

const repository = join(import.meta.dirname, '../../..');
const log = createLogger('test', 'silent');

const nodeObject = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'kn1' },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] },
};
const kubeadm = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'kubeadm-config', namespace: 'kube-system' },
  data: { ClusterConfiguration: 'networking:\n  podSubnet: 10.244.0.0/16\n' },
};

/** The examples of the reference whose kind has a definition in crds.yaml. */
function documentedObjects(definitions: string): readonly (readonly [string, string])[] {
  const folder = join(repository, 'docs/reference');
  return readdirSync(folder).flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/```(?:yaml|json)\n(.*?)```/gs)].flatMap(([, text = '']) => {
      const kind = /^kind: (\S+)$/m.exec(text)?.[1];
      if (kind === undefined || !definitions.includes(`kind: ${kind}\n`)) return [];
      return [[kind, text.replace('projectcalico.org/v3', 'crd.projectcalico.org/v1')] as const];
    }),
  );
}

describe.skipIf(problem !== undefined)('a Kubernetes API', () => {
  let dir: string;
  let etcd: EtcdProcess;
  let backend: Backend;
  let server: KubernetesServer;
  let env: Record<string, string>;
  const signal = AbortSignal.timeout(120_000);
  const apply = (...extra: string[]): string =>
    server.kubectl(['apply', '-k', join(repository, 'deploy/kubernetes'), ...extra]);
  const networkUnavailable = (): unknown => {
    const node = JSON.parse(server.kubectl(['get', 'node', 'kn1', '-o', 'json'])) as {
      readonly status: { readonly conditions: readonly { readonly type: string }[] };
    };
    return node.status.conditions.find(({ type }) => type === 'NetworkUnavailable');
  };

  beforeAll(async () => {
    isolateNetwork();
    addNodeInterface();
    dir = mkdtempSync(join(tmpdir(), 'cnt-kubernetes-'));
    etcd = await startEtcd();
    backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints[0] } }));
    server = await startApiServer(join(dir, 'api'), etcd.endpoints[0]!, '192.0.2.10');
    env = {
      NODENAME: 'n1',
      CALICO_K8S_NODE_REF: 'kn1',
      ETCD_ENDPOINTS: etcd.endpoints[0]!,
      CALICO_RUN_DIR: join(dir, 'run'),
      CALICO_LIB_DIR: join(dir, 'lib'),
      KUBERNETES_SERVICE_HOST: '127.0.0.1',
      KUBERNETES_SERVICE_PORT: String(server.port),
    };
  }, 90_000);

  afterAll(async () => {
    await (server as KubernetesServer | undefined)?.[Symbol.asyncDispose]();
    (backend as Backend | undefined)?.close();
    await (etcd as EtcdProcess | undefined)?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  test('takes every manifest, and finds nothing to change the second time', () => {
    const created = apply().trim().split('\n');
    expect(created.filter((line) => !line.endsWith(' created'))).toEqual([]);
    expect(created.length).toBeGreaterThan(30);
    const again = apply().trim().split('\n');
    expect(again.filter((line) => !line.endsWith(' unchanged') && !line.includes('customresource'))).toEqual([]);
    server.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s']);
  });

  test('takes an object of every kind as it is documented, and refuses one that is wrong', () => {
    server.kubectl(['create', 'namespace', 'prod']);
    const examples = documentedObjects(readFileSync(join(repository, 'deploy/kubernetes/crds.yaml'), 'utf8'));
    expect(examples.length).toBeGreaterThan(15);
    const create = (input: string): string =>
      server.kubectl(['create', '--dry-run=server', '--validate=false', '-f', '-'], { input });
    expect(create(examples.map(([, text]) => text).join('---\n')).match(/ created/g)).toHaveLength(examples.length);
    const [, pool] = examples.find(([kind]) => kind === 'IPPool')!;
    expect(() => create(pool.replace(/^spec:$/m, 'spec:\n  blockSize: many'))).toThrow('blockSize');
  });

  test("answers a node's start-up by the rights of its service account", async () => {
    server.kubectl(['create', '-f', '-'], { input: JSON.stringify(nodeObject) });
    server.kubectl(['create', '-f', '-'], { input: JSON.stringify(kubeadm) });
    placeAccount(server, join(dir, 'account'), 'calico-node');
    const byKubernetes = { IP: 'autodetect', IP_AUTODETECTION_METHOD: 'kubernetes-internal-ip' };
    await runStartup({ env: { ...env, ...byKubernetes }, log, signal, serviceAccountDir: join(dir, 'account') });
    const resources = new Resources(backend);
    expect((await resources.get('Node', 'n1')).spec.bgp).toMatchObject({ ipv4Address: '192.0.2.10/24' });
    expect((await resources.list('IPPool')).items.map(({ spec }) => spec.cidr)).toContain('10.244.0.0/16');
    expect((await resources.get('ClusterInformation', 'default')).spec.clusterType).toContain('kubeadm');
  });

  test('is told that the network is there, and that it goes', async () => {
    const account = join(dir, 'account');
    const kubernetes = kubernetesOf(env, 'n1', account);
    const blocker = (): Promise<undefined> => Promise.resolve(undefined);
    await completeStartup({ blocker, shutdownFile: join(dir, 'shutdownTS'), kubernetes, log, signal });
    expect(networkUnavailable()).toMatchObject({ status: 'False', reason: 'CalicoIsUp' });
    await shutDown({ env, nodeName: 'n1', log, signal, serviceAccountDir: account });
    expect(networkUnavailable()).toMatchObject({ status: 'True', reason: 'CalicoIsDown' });
  });

  test('gives a token for the CNI plug-ins, which may read a pod and nothing else', async () => {
    const hostRoot = join(dir, 'host');
    const stop = new AbortController();
    const kept = keepToken({ env, hostRoot, log, signal: stop.signal, accountDir: join(dir, 'account') });
    const kubeconfig = join(hostRoot, 'etc/cni/net.d/calico-kubeconfig');
    const installed = (): string => readFileSync(kubeconfig, 'utf8');
    try {
      await expect.poll(installed, { timeout: 10_000 }).toContain('calico-context');
    } finally {
      stop.abort();
      await kept;
    }
    const { users } = JSON.parse(installed()) as { readonly users: readonly { readonly user: { token: string } }[] };
    const { token } = users[0]!.user;
    const may = (...what: string[]): string => server.kubectl(['auth', 'can-i', ...what], { token }).trim();
    expect(may('get', 'pods', '--namespace=prod')).toBe('yes');
    for (const [verb, what] of [
      ['delete', 'pods'],
      ['list', 'secrets'],
      ['update', 'nodes'],
    ] as const) {
      expect(() => may(verb, what), `${verb} ${what}`).toThrow();
    }
  });

  test('lets a node neither read secrets nor change what is not its own', () => {
    const token = readFileSync(join(dir, 'account/token'), 'utf8');
    for (const what of ['get secrets', 'delete nodes', 'update daemonsets', 'create pods', 'list pods']) {
      expect(
        () => server.kubectl(['auth', 'can-i', ...what.split(' '), '--all-namespaces'], { token }),
        what,
      ).toThrow();
    }
  });
});
