/*
 * KubeVirt's virtual machines: addresses that stay theirs, whatever pod runs them, and wherever.
 */
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import { liveMigrationPrefix } from '@calico-node/model';
import { parseIp } from '@calico-node/net';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { KubernetesApi } from './support/kubernetes-api.ts';
import { TestNode, type Outcome } from './support/test-node.ts';

type Json = Record<string, unknown>;

isolateNetwork();
let node: TestNode;
let api: KubernetesApi;
let ipam: Ipam;
let kubeconfig: string;
const workloads = new Map<string, string>();

const handle = 'k8s-pod-network.vmi.shop.vm1';
const shop = '/api/v1/namespaces/shop';
const kubevirt = '/apis/kubevirt.io/v1/namespaces/shop';

beforeAll(async () => {
  node = await TestNode.start();
  await node.resources.create({
    kind: 'Node',
    apiVersion: 'projectcalico.org/v3',
    metadata: { name: 'other-node' },
    spec: {},
  });
  api = await KubernetesApi.start();
  kubeconfig = api.writeKubeconfig(join(node.dir, 'kubeconfig'));
  ipam = new Ipam(node.backend);
  await node.startServer();
});

afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await node[Symbol.asyncDispose]();
});

beforeEach(() => {
  api.objects.clear();
  api.objects.set(shop, { metadata: { name: 'shop' } });
  machine();
});

afterEach(async () => {
  for (const path of workloads.values()) node.removeWorkload(path);
  workloads.clear();
  await ipam.releaseByHandle(handle);
  await ipam.setConfig({ strict_affinity: false, auto_allocate_blocks: true });
});

/** The machine and its instance, as KubeVirt has them. */
function machine(deletionTimestamp?: string): void {
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: 'vm1', uid: 'vm-1' };
  const metadata = { namespace: 'shop', name: 'vm1' };
  const deletion = deletionTimestamp === undefined ? {} : { deletionTimestamp };
  api.objects.set(`${kubevirt}/virtualmachineinstances/vm1`, {
    metadata: { ...metadata, uid: 'vmi-1', ownerReferences: [owner] },
  });
  api.objects.set(`${kubevirt}/virtualmachines/vm1`, { metadata: { ...metadata, uid: 'vm-1', ...deletion } });
}

/** A pod that runs it, or that it moves to. */
function pod(name: string, labels: Json = {}, ownerReferences: readonly Json[] = [instance]): void {
  api.objects.set(`${shop}/pods/${name}`, {
    metadata: { namespace: 'shop', name, labels, ownerReferences },
    spec: { containers: [] },
  });
}

const instance = {
  apiVersion: 'kubevirt.io/v1',
  kind: 'VirtualMachineInstance',
  name: 'vm1',
  uid: 'vmi-1',
  controller: true,
};
const target = { 'kubevirt.io/migrationJobUID': 'move-1' };

function call(command: string, name: string, extra: Json = {}, program: 'calico' | 'calico-ipam' = 'calico') {
  const netns = workloads.get(name) ?? node.workload();
  workloads.set(name, netns);
  const configuration = {
    cniVersion: '1.0.0',
    name: 'k8s-pod-network',
    type: 'calico',
    ipam: { type: 'calico-ipam' },
    policy: { type: 'k8s' },
    kubernetes: { kubeconfig },
    ...extra,
  };
  const variables = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: `c-${name}`,
    CNI_NETNS: netns,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/usr/lib/cni',
    CNI_ARGS: `K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}`,
  };
  return node.exec(program, variables, JSON.stringify(configuration));
}

interface Result {
  readonly ips: readonly { readonly address: string }[];
  readonly routes?: readonly { readonly dst: string }[];
}

async function add(name: string, extra: Json = {}, program?: 'calico-ipam'): Promise<Result> {
  const { code, stdout, stderr } = await call('ADD', name, extra, program);
  expect({ code, text: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, text: '' });
  return JSON.parse(stdout) as Result;
}

async function del(name: string, extra: Json = {}): Promise<void> {
  expect(await call('DEL', name, extra)).toMatchObject({ code: 0, stdout: '' });
}

async function refusal(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout } = await outcome;
  expect(code).toBe(1);
  return (JSON.parse(stdout) as { msg: string }).msg;
}

const addressOf = ({ ips }: Result): string => String(ips[0]?.address.split('/')[0]);
const held = async (): Promise<string[]> => (await ipam.ipsByHandle(handle)).map(({ ip }) => ip);
const owners = async (ip: string) => {
  const { secondary, alternateOwnerAttrs } = await ipam.attributesOf(parseIp(ip));
  return { active: secondary?.['pod'], alternate: alternateOwnerAttrs?.['pod'] };
};
const migrations = async () =>
  (await node.backend.list(liveMigrationPrefix)).items.map(({ key, value }) => ({
    name: key.slice(liveMigrationPrefix.length),
    target: (JSON.parse(value) as { spec: { target: { workloadEndpoint: Json } } }).spec.target.workloadEndpoint,
  }));

describe('a machine', () => {
  test('keeps its address while it is stopped, and gives it back when it is deleted', async () => {
    pod('virt-launcher-vm1-aaaaa');
    const ip = addressOf(await add('virt-launcher-vm1-aaaaa'));
    expect(await held()).toEqual([ip]);
    expect(await ipam.attributesOf(parseIp(ip))).toMatchObject({
      handle_id: handle,
      secondary: {
        node: 'test-node',
        namespace: 'shop',
        pod: 'virt-launcher-vm1-aaaaa',
        'vmi-name': 'vm1',
        'vmi-uid': 'vmi-1',
        'vm-uid': 'vm-1',
      },
    });
    expect(addressOf(await add('virt-launcher-vm1-aaaaa'))).toBe(ip);
    await del('virt-launcher-vm1-aaaaa');
    expect(await held()).toEqual([ip]);
    expect(await owners(ip)).toEqual({ active: undefined, alternate: undefined });

    pod('virt-launcher-vm1-bbbbb');
    expect(addressOf(await add('virt-launcher-vm1-bbbbb'))).toBe(ip);
    expect(await owners(ip)).toEqual({ active: 'virt-launcher-vm1-bbbbb', alternate: undefined });
    machine('2026-11-21T00:00:00Z');
    for (const _ of [1, 2]) await del('virt-launcher-vm1-bbbbb');
    expect(await held()).toEqual([]);
  });

  test('gives its address back also when nothing of it is left to be asked', async () => {
    pod('virt-launcher-vm1-aaaaa');
    await add('virt-launcher-vm1-aaaaa');
    api.objects.clear();
    await del('virt-launcher-vm1-aaaaa');
    expect(await held()).toEqual([]);
  });

  test('has an address of each family, and the one that it asks for', async () => {
    pod('virt-launcher-vm1-aaaaa');
    const both = { ipam: { type: 'calico-ipam', assign_ipv6: 'true' } };
    const [first, second] = [await add('virt-launcher-vm1-aaaaa', both), await add('virt-launcher-vm1-aaaaa', both)];
    expect(first.ips).toHaveLength(2);
    expect(second).toEqual(first);
    await del('virt-launcher-vm1-aaaaa');
    expect(await held()).toHaveLength(2);
  });

  test('without persistence has the addresses of its pod', async () => {
    await ipam.setConfig({
      strict_affinity: false,
      auto_allocate_blocks: true,
      kubeVirtVMAddressPersistence: 'Disabled',
    });
    pod('virt-launcher-vm1-aaaaa');
    await add('virt-launcher-vm1-aaaaa');
    expect(await held()).toEqual([]);
    expect(await ipam.ipsByHandle('k8s-pod-network.c-virt-launcher-vm1-aaaaa')).toHaveLength(1);
    await del('virt-launcher-vm1-aaaaa');
    expect(await ipam.ipsByHandle('k8s-pod-network.c-virt-launcher-vm1-aaaaa')).toEqual([]);
    pod('virt-launcher-vm1-bbbbb', target);
    expect(await refusal(call('ADD', 'virt-launcher-vm1-bbbbb'))).toContain('kubeVirtVMAddressPersistence');
  });
});

describe('a move', () => {
  const away = { nodename: 'other-node' };

  test('gives the pod that the machine moves to its address, which that one has alone once the other is gone', async () => {
    pod('virt-launcher-vm1-aaaaa');
    const ip = addressOf(await add('virt-launcher-vm1-aaaaa'));
    pod('virt-launcher-vm1-bbbbb', target);
    expect(addressOf(await add('virt-launcher-vm1-bbbbb', away))).toBe(ip);
    expect(await owners(ip)).toEqual({ active: 'virt-launcher-vm1-aaaaa', alternate: 'virt-launcher-vm1-bbbbb' });
    expect(await migrations()).toEqual([
      {
        name: 'shop/move-1',
        target: {
          orchestratorID: 'k8s',
          workloadID: 'shop/virt-launcher-vm1-bbbbb',
          endpointID: 'eth0',
          hostname: 'other-node',
        },
      },
    ]);
    await del('virt-launcher-vm1-aaaaa');
    expect(await owners(ip)).toEqual({ active: 'virt-launcher-vm1-bbbbb', alternate: undefined });
    expect(await migrations()).toEqual([]);
    expect((await ipam.attributesOf(parseIp(ip))).secondary).toMatchObject({
      node: 'other-node',
      'vmim-uid': 'move-1',
    });
    await del('virt-launcher-vm1-bbbbb', away);
    expect(await held()).toEqual([ip]);
  });

  test('that fails leaves the address where it was', async () => {
    pod('virt-launcher-vm1-aaaaa');
    const ip = addressOf(await add('virt-launcher-vm1-aaaaa'));
    pod('virt-launcher-vm1-bbbbb', target);
    await add('virt-launcher-vm1-bbbbb', away);
    await del('virt-launcher-vm1-bbbbb', away);
    expect(await owners(ip)).toEqual({ active: 'virt-launcher-vm1-aaaaa', alternate: undefined });
    expect(await migrations()).toEqual([]);
    await del('virt-launcher-vm1-aaaaa');
  });

  test('of a machine without an address is refused', async () => {
    pod('virt-launcher-vm1-bbbbb', target);
    expect(await refusal(call('ADD', 'virt-launcher-vm1-bbbbb', away))).toContain('no address');
    expect(await migrations()).toEqual([]);
  });

  test('gives no route by calico-ipam alone', async () => {
    pod('virt-launcher-vm1-aaaaa');
    const { routes } = await add('virt-launcher-vm1-aaaaa', {}, 'calico-ipam');
    expect(routes).toEqual([{ dst: expect.stringMatching(/^10\.77\.0\.\d+\/26$/) as string }]);
    pod('virt-launcher-vm1-bbbbb', target);
    const moving = await add('virt-launcher-vm1-bbbbb', away, 'calico-ipam');
    expect(moving.routes).toBeUndefined();
    const check = { cniVersion: '1.0.0', prevResult: moving };
    expect(await call('CHECK', 'virt-launcher-vm1-bbbbb', check, 'calico-ipam')).toMatchObject({ code: 0 });
    for (const name of workloads.keys()) {
      expect(await call('DEL', name, {}, 'calico-ipam')).toMatchObject({ code: 0 });
    }
  });
});

test('GC takes away what a machine’s pod left, and the machine keeps its address', async () => {
  const gc = async (...valid: readonly string[]): Promise<void> => {
    const attachments = valid.map((name) => ({ containerID: `c-${name}`, ifname: 'eth0' }));
    const extra = { cniVersion: '1.1.0', 'cni.dev/valid-attachments': attachments };
    expect(await call('GC', source, extra)).toMatchObject({ code: 0, stdout: '' });
  };
  const pods = async () => (await node.resources.list('WorkloadEndpoint')).items.map(({ spec }) => spec.pod);
  const [source, moved] = ['virt-launcher-vm1-aaaaa', 'virt-launcher-vm1-bbbbb'];
  pod(source);
  const ip = addressOf(await add(source));
  pod(moved, target);
  await add(moved);
  await gc(source, moved);
  expect((await pods()).sort()).toEqual([source, moved]);
  await gc(moved);
  expect(await pods()).toEqual([moved]);
  expect(await owners(ip)).toEqual({ active: moved, alternate: undefined });
  expect(await migrations()).toEqual([]);
  await gc();
  expect(await pods()).toEqual([]);
  expect(await held()).toEqual([ip]);
  expect(await owners(ip)).toEqual({ active: undefined, alternate: undefined });
});

test('a pod of such a name that no instance owns is like any other, and others are asked nothing more', async () => {
  pod('virt-launcher-not', {}, []);
  pod('web');
  for (const name of ['virt-launcher-not', 'web']) {
    api.asked.length = 0;
    await add(name);
    expect(api.asked.filter((line) => line.includes('kubevirt.io'))).toEqual([]);
    expect(await ipam.ipsByHandle(`k8s-pod-network.c-${name}`)).toHaveLength(1);
    api.asked.length = 0;
    await del(name);
    expect(api.asked).toHaveLength(name === 'web' ? 0 : 1);
    expect(await ipam.ipsByHandle(`k8s-pod-network.c-${name}`)).toEqual([]);
  }
});

test('a pod whose instance was made anew meanwhile is refused', async () => {
  pod('virt-launcher-vm1-aaaaa', {}, [{ ...instance, uid: 'vmi-0' }]);
  expect(await refusal(call('ADD', 'virt-launcher-vm1-aaaaa'))).toContain('vmi-0');
});
