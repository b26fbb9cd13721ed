/*
 * Interfaces that another data plane makes (`dataplane_options.type: grpc`): what it is told over gRPC, and what of its
 * answers comes into the store.
 */
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import { isolateNetwork, RouteSocket } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { DataplaneServer } from './support/dataplane-server.ts';
import { KubernetesApi } from './support/kubernetes-api.ts';
import { TestNode, type Outcome } from './support/test-node.ts';

isolateNetwork();
let node: TestNode;
let api: KubernetesApi;
let dataplane: DataplaneServer;
let socket: string;
let netns: string;

beforeAll(async () => {
  node = await TestNode.start();
  // The policy of such interfaces is not this node's Felix's.
  await node.felix.stop();
  api = await KubernetesApi.start();
  api.objects.set('/api/v1/namespaces/shop', { metadata: { name: 'shop' } });
  api.objects.set('/api/v1/namespaces/shop/pods/web', {
    metadata: { name: 'web', labels: { app: 'web' }, annotations: { 'cni.projectcalico.org/vppHash': 'sym' } },
    spec: { containers: [{ ports: [{ name: 'http', containerPort: 8080, hostPort: 80, hostIP: '192.0.2.1' }] }] },
  });
  await node.startServer();
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

beforeEach(async () => {
  netns = node.workload();
  socket = join(node.dir, 'dataplane.sock');
  dataplane = await DataplaneServer.start(socket);
});

afterEach(async () => {
  await dataplane[Symbol.asyncDispose]();
  node.removeWorkload(netns);
});

function call(command: string, extra: Record<string, unknown> = {}, pod = ''): Promise<Outcome> {
  const configuration = {
    cniVersion: '1.1.0',
    name: 'net',
    type: 'calico',
    mtu: 1450,
    ipam: { type: 'calico-ipam' },
    container_settings: { allow_ip_forwarding: true },
    dataplane_options: { type: 'grpc', socket: `unix://${socket}`, mode: 'memif', count: 2 },
    ...extra,
  };
  const variables = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: 'c1',
    CNI_NETNS: netns,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/usr/lib/cni',
    ...(pod === '' ? {} : { CNI_ARGS: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod}` }),
  };
  return node.exec('calico', variables, JSON.stringify(configuration));
}

const endpoints = async () => (await node.resources.list('WorkloadEndpoint')).items;
const held = () => new Ipam(node.backend).ipsByHandle('net.c1');

test('a container gets its address from IPAM and its interface from the data plane, and gives both back', async () => {
  const { code, stdout, stderr } = await call('ADD');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const result = JSON.parse(stdout) as { ips: { address: string }[] };
  const address = String(result.ips[0]?.address);
  expect(result).toMatchObject({
    interfaces: [{ name: 'tap7' }, { name: 'eth0', mac: '02:00:00:00:00:07', sandbox: netns }],
    ips: [{ address: expect.stringMatching(/^10\.77\.0\.\d+\/32$/) as string, interface: 1 }],
  });
  expect(dataplane.added).toEqual([
    {
      interfaceName: 'eth0',
      netns,
      desiredHostInterfaceName: 'calic1',
      settings: { allowIpForwarding: true, mtu: 1450 },
      containerIps: [{ address, gateway: '' }],
      containerRoutes: ['0.0.0.0/0', '::/0'],
      workload: {
        name: 'test--node-cni-c1-eth0',
        namespace: 'default',
        labels: { 'projectcalico.org/namespace': 'default', 'projectcalico.org/orchestrator': 'cni' },
        annotations: {},
        endpoint: 'eth0',
        node: 'test-node',
        orchestrator: 'cni',
        pod: '',
        ports: [],
      },
      dataplaneOptions: { type: 'grpc', socket: `unix://${socket}`, mode: 'memif' },
    },
  ]);
  expect((await endpoints()).map(({ spec }) => spec)).toMatchObject([
    { interfaceName: 'tap7', mac: '02:00:00:00:00:07', containerID: 'c1', ipNetworks: [address] },
  ]);
  using inside = RouteSocket.open({ netns });
  expect(inside.getLink('eth0')).toBeUndefined();

  expect(JSON.parse((await call('ADD')).stdout)).toEqual(result);
  expect(await call('CHECK', { prevResult: result })).toMatchObject({ code: 0 });
  expect(await call('STATUS')).toMatchObject({ code: 0 });
  for (const _ of [1, 2]) expect(await call('DEL')).toMatchObject({ code: 0, stdout: '' });
  expect(dataplane.removed).toHaveLength(2);
  expect(dataplane.removed[0]).toEqual({
    interfaceName: 'eth0',
    netns,
    dataplaneOptions: { type: 'grpc', socket: `unix://${socket}`, mode: 'memif' },
  });
  expect(await endpoints()).toEqual([]);
  expect(await held()).toEqual([]);
});

test('of a pod the data plane is told labels, annotations and ports', async () => {
  const kubeconfig = api.writeKubeconfig(join(node.dir, 'kubeconfig'));
  const extra = { policy: { type: 'k8s' }, kubernetes: { kubeconfig } };
  expect(await call('ADD', extra, 'web')).toMatchObject({ code: 0 });
  expect(dataplane.added).toMatchObject([
    {
      desiredHostInterfaceName: expect.stringMatching(/^cali[0-9a-f]{11}$/) as string,
      workload: {
        name: 'test--node-k8s-web-eth0',
        namespace: 'shop',
        labels: { app: 'web', 'projectcalico.org/orchestrator': 'k8s' },
        annotations: { 'cni.projectcalico.org/vppHash': 'sym' },
        pod: 'web',
        ports: [{ name: 'http', protocol: 'TCP', port: 8080, hostPort: 80, hostIp: '192.0.2.1' }],
      },
    },
  ]);
  expect(await call('DEL', extra, 'web')).toMatchObject({ code: 0 });
});

test.each([
  ['says no', { successful: false, errorMessage: 'no memory' }, 'no memory'],
  ['gives no MAC address', { containerMac: '' }, 'MAC address'],
] as const)('a data plane that %s fails the ADD, and nothing is left', async (_, reply, text) => {
  dataplane.addReply = { ...dataplane.addReply, ...reply };
  const { code, stdout } = await call('ADD');
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ code: 100, msg: expect.stringContaining(text) as string });
  expect(dataplane.removed).toHaveLength(1);
  expect(await endpoints()).toEqual([]);
  expect(await held()).toEqual([]);
});

test('while nobody answers on the socket an ADD is to be tried again, and STATUS says so', async () => {
  await dataplane[Symbol.asyncDispose]();
  const said = (outcome: Outcome): unknown => JSON.parse(outcome.stdout);
  const msg = expect.stringContaining(socket) as string;
  expect(said(await call('ADD'))).toMatchObject({ code: 11, msg });
  expect(said(await call('DEL'))).toMatchObject({ code: 11, msg });
  expect(said(await call('STATUS'))).toMatchObject({ code: 50, msg });
  dataplane = await DataplaneServer.start(socket);
  expect(await call('DEL')).toMatchObject({ code: 0 });
  expect(await held()).toEqual([]);
});
