import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import { isolateNetwork, RouteSocket } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KubernetesApi } from './support/kubernetes-api.ts';
import { TestNode, type Outcome } from './support/test-node.ts';

type Json = Record<string, unknown>;

isolateNetwork();
let node: TestNode;
let api: KubernetesApi;
let kubeconfig: string;
let netns: string;

beforeAll(async () => {
  node = await TestNode.start();
  api = await KubernetesApi.start();
  kubeconfig = api.writeKubeconfig(join(node.dir, 'kubeconfig'));
  await node.startServer();
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

beforeEach(() => {
  api.objects.clear();
  api.objects.set('/api/v1/namespaces/shop', { metadata: { name: 'shop' } });
  netns = node.workload();
});

afterEach(() => {
  node.removeWorkload(netns);
});

function pod(name: string, annotations: Record<string, string> = {}, spec: Json = {}, created?: string): void {
  const prefixed = Object.entries(annotations).map(([key, value]) => [
    key.includes('/') ? key : `cni.projectcalico.org/${key}`,
    value,
  ]);
  api.objects.set(`/api/v1/namespaces/shop/pods/${name}`, {
    metadata: {
      name,
      namespace: 'shop',
      generateName: 'web-',
      labels: { app: 'web' },
      annotations: Object.fromEntries(prefixed) as Record<string, string>,
      ...(created === undefined ? {} : { creationTimestamp: created }),
    },
    spec: { serviceAccountName: 'clerk', containers: [], ...spec },
  });
}

function config(extra: Json = {}): string {
  return JSON.stringify({
    cniVersion: '1.0.0',
    name: 'k8s-pod-network',
    type: 'calico',
    ipam: { type: 'calico-ipam' },
    policy: { type: 'k8s' },
    kubernetes: { kubeconfig },
    ...extra,
  });
}

function call(command: string, name: string, stdin = config(), container = `c-${name}`): Promise<Outcome> {
  return node.exec(
    'calico',
    {
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/usr/lib/cni',
      CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name};K8S_POD_INFRA_CONTAINER_ID=${container}`,
    },
    stdin,
  );
}

async function add(name: string, stdin?: string): Promise<string[]> {
  const { code, stdout, stderr } = await call('ADD', name, stdin);
  expect({ code, text: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, text: '' });
  return (JSON.parse(stdout) as { ips: { address: string }[] }).ips.map(({ address }) => address);
}

async function refusal(name: string, stdin?: string): Promise<{ code: number; msg: string }> {
  const { code, stdout } = await call('ADD', name, stdin);
  expect(code).toBe(1);
  return JSON.parse(stdout) as { code: number; msg: string };
}

async function endpoint(name: string) {
  return node.resources.get('WorkloadEndpoint', `test--node-k8s-${name.replaceAll('-', '--')}-eth0`, 'shop');
}

describe('a pod', () => {
  test('has labels, profiles and ports as the Kubernetes API says, and keeps them when it is added again', async () => {
    pod(
      'web-1',
      { 'qos.projectcalico.org/ingressBandwidth': '10M' },
      {
        containers: [
          {
            ports: [
              { name: 'http', containerPort: 8080 },
              { containerPort: 9 },
              { containerPort: 53, hostPort: 5353, protocol: 'UDP' },
            ],
          },
        ],
      },
    );
    const addresses = await add('web-1');
    expect(addresses).toHaveLength(1);
    const { metadata, spec } = await endpoint('web-1');
    expect(metadata.generateName).toBe('web-');
    expect(metadata.labels).toEqual({
      app: 'web',
      'projectcalico.org/namespace': 'shop',
      'projectcalico.org/orchestrator': 'k8s',
      'projectcalico.org/serviceaccount': 'clerk',
    });
    expect(spec).toMatchObject({
      pod: 'web-1',
      profiles: ['kns.shop', 'ksa.shop.clerk'],
      serviceAccountName: 'clerk',
      ports: [
        { name: 'http', protocol: 'TCP', port: 8080 },
        { protocol: 'UDP', port: 53, hostPort: 5353 },
      ],
      qosControls: { ingressBandwidth: 10_000_000, ingressBurst: 2 ** 32 },
    });
    const { items } = await node.resources.list('Profile');
    expect(items.map(({ metadata: { name } }) => name)).not.toContain('k8s-pod-network');
    expect(await add('web-1')).toEqual(addresses);
    expect(await call('DEL', 'web-1')).toMatchObject({ code: 0 });
  });

  test('costs one reading of the API, and its namespace one for all that were there when it was read', async () => {
    const names = ['many-1', 'many-2', 'many-3', 'many-4'];
    for (const name of names) pod(name, {}, {}, new Date(Date.now() - 60_000).toISOString());
    pod('young', {}, {}, new Date(Date.now() + 60_000).toISOString());
    const addNext = async (name: string): Promise<void> => {
      await add(name);
      node.removeWorkload(netns);
      netns = node.workload();
    };
    api.asked.length = 0;
    await addNext('young');
    expect(api.asked).toHaveLength(2);
    const since = performance.now();
    for (const name of names) await addNext(name);
    // It is remembered for five seconds.
    const again = Math.floor((performance.now() - since) / 5000) + (performance.now() - since > 4000 ? 1 : 0);
    expect(api.asked.length - 2).toBeLessThanOrEqual(names.length + again);
    api.asked.length = 0;
    for (const name of [...names, 'young']) expect(await call('DEL', name)).toMatchObject({ code: 0 });
    expect(api.asked).toEqual([]);
  });

  test('gets the addresses, MAC, source prefixes and floating addresses that its annotations name', async () => {
    pod('fixed', {
      ipAddrs: '["10.77.0.99"]',
      hwAddr: '02:11:22:33:44:55',
      allowedSourcePrefixes: '["192.0.2.0/24"]',
      floatingIPs: '["198.51.100.7"]',
    });
    const settings = config({ feature_control: { floating_ips: true } });
    expect(await add('fixed', settings)).toEqual(['10.77.0.99/32']);
    const { spec } = await endpoint('fixed');
    expect(spec).toMatchObject({
      mac: '02:11:22:33:44:55',
      allowSpoofedSourcePrefixes: ['192.0.2.0/24'],
      ipNATs: [{ internalIP: '10.77.0.99', externalIP: '198.51.100.7' }],
    });
    using inside = RouteSocket.open({ netns });
    expect(inside.getLink('eth0')?.mac).toBe('02:11:22:33:44:55');
    expect(await call('DEL', 'fixed', settings)).toMatchObject({ code: 0 });
    expect(await new Ipam(node.backend).ipsByHandle('k8s-pod-network.c-fixed')).toEqual([]);
  });

  test('gets an address of each family that its annotation names', async () => {
    pod('both', { ipAddrs: '["10.77.0.97","fd77::97"]' });
    expect(await add('both')).toEqual(['10.77.0.97/32', 'fd77::97/128']);
    expect((await endpoint('both')).spec.ipNetworks).toEqual(['10.77.0.97/32', 'fd77::97/128']);
    expect(await call('DEL', 'both')).toMatchObject({ code: 0 });
    expect(await new Ipam(node.backend).ipsByHandle('k8s-pod-network.c-both')).toEqual([]);
  });

  test('gets an address of the pool that selects its namespace, from the IPAM service and without it', async () => {
    const setDisabled = async (disabled: boolean): Promise<void> => {
      const pool = await node.resources.get('IPPool', 'ipv4');
      await node.resources.update({ ...pool, spec: { ...pool.spec, disabled } });
    };
    await setDisabled(true);
    for (const [tier, cidr] of [
      ['gold', '10.75.0.0/24'],
      ['tin', '10.76.0.0/24'],
    ] as const) {
      await node.resources.apply({
        kind: 'IPPool',
        apiVersion: 'projectcalico.org/v3',
        metadata: { name: tier },
        spec: { cidr, nodeSelector: 'all()', namespaceSelector: `tier == "${tier}"`, allowedUses: ['Workload'] },
      });
    }
    const takes = async (tier: string): Promise<string> => {
      api.objects.set('/api/v1/namespaces/shop', { metadata: { name: 'shop', labels: { tier } } });
      pod('selected');
      const [address = ''] = await add('selected');
      expect(await call('DEL', 'selected')).toMatchObject({ code: 0 });
      return address;
    };
    // No profile of the namespace is in the store: the API alone tells its labels.
    for (const isServed of [false, true]) {
      if (isServed) await node.startIpam();
      expect(await takes('gold')).toMatch(/^10\.75\./);
      expect(await takes('tin')).toMatch(/^10\.76\./);
    }
    await node.stopIpam();
    api.objects.set('/api/v1/namespaces/shop', { metadata: { name: 'shop', labels: { tier: 'none' } } });
    expect((await refusal('selected')).msg).toContain('no configured Calico pools');
    await setDisabled(false);
  });

  test('takes its predecessor’s address with it when it is made anew', async () => {
    pod('set-0', { ipAddrs: '["10.77.0.98"]' });
    expect(await add('set-0')).toEqual(['10.77.0.98/32']);
    node.removeWorkload(netns);
    netns = node.workload();
    const { code, stdout } = await call('ADD', 'set-0', config(), 'c-successor');
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('10.77.0.98/32') as string });
    expect((await endpoint('set-0')).spec.containerID).toBe('c-successor');
    expect(await call('DEL', 'set-0', config(), 'c-successor')).toMatchObject({ code: 0 });
  });

  test('takes pools and families from its namespace, and its own before', async () => {
    api.objects.set('/api/v1/namespaces/shop', {
      metadata: { annotations: { 'cni.projectcalico.org/ipv4pools': '["nowhere"]' } },
    });
    pod('lost');
    expect((await refusal('lost')).msg).toContain('nowhere');
    pod('found', { ipv4pools: '["10.77.0.0/24"]', ipFamilies: '["IPv4","IPv6"]' });
    const addresses = await add('found');
    expect(addresses).toHaveLength(2);
    expect(addresses[0]).toMatch(/^10\.77\.0\./);
    expect(addresses[1]).toMatch(/^fd77::/);
    expect(await call('DEL', 'found')).toMatchObject({ code: 0 });
  });

  test('takes the IPv6 pool that it names', async () => {
    await node.resources.create({
      kind: 'IPPool',
      apiVersion: 'projectcalico.org/v3',
      metadata: { name: 'other-ipv6' },
      spec: { cidr: 'fd78::/112', blockSize: 122, nodeSelector: 'all()' },
    });
    for (const [pool, prefix] of [
      ['other-ipv6', 'fd78::'],
      ['fd77::/112', 'fd77::'],
    ] as const) {
      pod('six', { ipv6pools: JSON.stringify([pool]), ipFamilies: '["IPv6"]' });
      const addresses = await add('six');
      expect(addresses).toEqual([expect.stringContaining(prefix) as string]);
      expect((await endpoint('six')).spec.ipNetworks).toEqual(addresses);
      expect(await call('DEL', 'six')).toMatchObject({ code: 0 });
    }
  });

  test('brings its own addresses only where that is allowed, and no allocator knows them', async () => {
    pod('own', { ipAddrsNoIpam: '["203.0.113.5"]' });
    expect(await refusal('own')).toMatchObject({
      code: 7,
      msg: expect.stringContaining('ip_addrs_no_ipam') as string,
    });
    const settings = config({ feature_control: { ip_addrs_no_ipam: true } });
    expect(await add('own', settings)).toEqual(['203.0.113.5/32']);
    expect(await new Ipam(node.backend).ipsByHandle('k8s-pod-network.c-own')).toEqual([]);
    expect(await call('DEL', 'own', settings)).toMatchObject({ code: 0 });
  });

  test.each([
    ['ipAddrs', 'no list'],
    ['ipAddrs', '["10.77.0.1","10.77.0.2"]'],
    ['hwAddr', 'nobody'],
    ['floatingIPs', '["198.51.100.1"]'],
    ['allowedSourcePrefixes', '["x"]'],
  ])('is refused for the annotation %s: %s, by its name, and nothing is left', async (name, value) => {
    pod('bad', { [name]: value });
    const error = await refusal('bad');
    expect(error).toMatchObject({ code: 7, msg: expect.stringContaining(`cni.projectcalico.org/${name}`) as string });
    await expect(endpoint('bad')).rejects.toThrow('does not exist');
  });

  test('is told to come back while the API does not answer, and served with a renewed token', async () => {
    pod('later');
    api.tokens.delete('first-token');
    expect((await refusal('later')).msg).toContain('401');
    api.tokens.add('second-token');
    api.writeKubeconfig(kubeconfig, 'second-token');
    expect(await add('later')).toHaveLength(1);
    const away = config({ policy: { type: 'k8s', k8s_api_root: 'https://127.0.0.1:1' } });
    expect(await refusal('later', away)).toMatchObject({ code: 11 });
    expect(await call('DEL', 'later')).toMatchObject({ code: 0 });
    expect(await refusal('gone')).toMatchObject({ msg: expect.stringContaining('404') as string });
  });

  test('is asked about with the token and authority of the configuration’s policy, as with those of a kubeconfig', async () => {
    pod('direct');
    const policy = { type: 'k8s', k8s_api_root: api.url, k8s_certificate_authority: api.authorityFile };
    const direct = (token: string): string => config({ kubernetes: {}, policy: { ...policy, k8s_auth_token: token } });
    api.tokens.add('of-the-policy');
    expect(await add('direct', direct('of-the-policy'))).toHaveLength(1);
    expect(await call('DEL', 'direct', direct('of-the-policy'))).toMatchObject({ code: 0 });
    expect((await refusal('direct', direct('another'))).msg).toContain('401');
  });

  test('on a network without Kubernetes’ policy is reached from everywhere', async () => {
    const open = config({ name: 'open', policy: {} });
    await add('reachable', open);
    expect((await node.resources.get('Profile', 'open')).spec.ingress).toEqual([{ action: 'Allow' }]);
    expect((await endpoint('reachable')).spec.profiles).toEqual(['open']);
    expect(await call('DEL', 'reachable', open)).toMatchObject({ code: 0 });
  });

  test('gets an address of the range that Kubernetes gave its node, from host-local', async ({ skip }) => {
    if (!node.hasPlugin('host-local')) skip('needs containernetworking-plugins');
    pod('ranged');
    api.objects.set('/api/v1/nodes/test-node', { spec: { podCIDR: '10.55.0.0/24', podCIDRs: ['10.55.0.0/24'] } });
    const dataDir = join(node.dir, 'ranged');
    mkdirSync(dataDir);
    const settings = config({ ipam: { type: 'host-local', dataDir, subnet: 'usePodCidr' } });
    expect(await add('ranged', settings)).toEqual(['10.55.0.2/32']);
    expect(await call('DEL', 'ranged', settings)).toMatchObject({ code: 0 });
  });

  test('gets one of each range that its node has, where `ranges` say so', async ({ skip }) => {
    if (!node.hasPlugin('host-local')) skip('needs containernetworking-plugins');
    pod('ranges');
    api.objects.set('/api/v1/nodes/test-node', {
      spec: { podCIDR: '10.56.0.0/24', podCIDRs: ['10.56.0.0/24', 'fd56::/112'] },
    });
    const dataDir = join(node.dir, 'ranges');
    mkdirSync(dataDir);
    const ranges = [[{ subnet: 'usePodCidr' }], [{ subnet: 'usePodCidrIPv6' }]];
    const settings = config({ ipam: { type: 'host-local', dataDir, ranges } });
    expect(await add('ranges', settings)).toEqual(['10.56.0.2/32', 'fd56::2/128']);
    expect(await call('DEL', 'ranges', settings)).toMatchObject({ code: 0 });
    api.objects.set('/api/v1/nodes/test-node', { spec: { podCIDR: '10.56.0.0/24' } });
    expect(await refusal('ranges', settings)).toMatchObject({
      code: 11,
      msg: expect.stringContaining('usePodCidrIPv6') as string,
    });
  });
});

test('`calico -t` asks the API too whose kubeconfig the configuration names', async () => {
  const tried = (): Promise<Outcome> => node.exec('calico', {}, config(), ['-t']);
  expect(await tried()).toMatchObject({ code: 1, stdout: expect.stringContaining('"code":100') as string });
  api.objects.set('/version', { major: '1' });
  expect(await tried()).toEqual({ code: 0, stdout: '', stderr: '' });
});
