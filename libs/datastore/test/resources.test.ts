import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ValidationError, type Resource } from '@calico-node/model';
import { parseAsn } from '@calico-node/net';
import { Etcd3 } from 'etcd3';
import {
  connectDatastore,
  isDatastoreError,
  Resources,
  type Backend,
  type IpamCleanup,
  type ResourceEvent,
} from '../src/index.ts';
import { startEtcd, type EtcdProcess } from '../src/testing/index.ts';

/** Waits until a value is as expected, long enough for a busy machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

const root = '/calico/resources/v3/projectcalico.org';
const apiVersion = 'projectcalico.org/v3';

let etcd: EtcdProcess;
let backend: Backend;
let resources: Resources;
/** What deletions asked of IPAM. */
let cleaned: unknown[] = [];

function noted(...what: readonly unknown[]): Promise<void> {
  cleaned.push(what);
  return Promise.resolve();
}

const ipam: IpamCleanup = {
  releaseIps: (releases) => noted('ips', ...releases.map(({ ip }) => ip)),
  releaseHostAffinities: (node) => noted('host', node),
  releasePoolAffinities: (pool) => noted('pool', pool),
};

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: {} });
  resources = new Resources(backend, { ipam, now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) });
});

beforeEach(async () => {
  cleaned = [];
  for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => 'ok',
    (reason: unknown) => reason,
  );
  return isDatastoreError(error) ? error.code : error instanceof ValidationError ? 'invalid' : String(error);
}

function pool(name: string, cidr: string, spec: object = {}): Resource<'IPPool'> {
  return { kind: 'IPPool', apiVersion, metadata: { name }, spec: { cidr, ...spec } };
}

function policy(name: string, order = 1): Resource<'GlobalNetworkPolicy'> {
  return { kind: 'GlobalNetworkPolicy', apiVersion, metadata: { name }, spec: { order, selector: 'all()' } };
}

const policyKinds = [
  'NetworkPolicy',
  'GlobalNetworkPolicy',
  'StagedNetworkPolicy',
  'StagedGlobalNetworkPolicy',
] as const;

function isNamespaced(kind: (typeof policyKinds)[number]): boolean {
  return kind === 'NetworkPolicy' || kind === 'StagedNetworkPolicy';
}

function tieredPolicy(kind: (typeof policyKinds)[number], tierName: string): Resource {
  const metadata = isNamespaced(kind) ? { name: 'a', namespace: 'prod' } : { name: 'a' };
  return { kind, apiVersion, metadata, spec: { tier: tierName, selector: 'all()' } };
}

function tier(name: string): Resource<'Tier'> {
  return { kind: 'Tier', apiVersion, metadata: { name }, spec: { order: 1 } };
}

function node(name: string): Resource<'Node'> {
  return {
    kind: 'Node',
    apiVersion,
    metadata: { name },
    spec: {
      bgp: { ipv4IPIPTunnelAddr: '10.9.0.1' },
      ipv4VXLANTunnelAddr: '10.9.0.2',
      wireguard: { interfaceIPv4Address: '10.9.0.3' },
    },
  };
}

describe('create', () => {
  it('stores what Calico stores, under its key', async () => {
    const created = await resources.create(pool('p1', '10.0.0.0/16', { ipipMode: 'Always', natOutgoing: true }));
    const stored = await backend.get(`${root}/ippools/p1`);
    expect(stored?.value).toBe(
      `{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"name":"p1","uid":"${created.metadata.uid!}",` +
        '"creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{"cidr":"10.0.0.0/16","vxlanMode":"Never",' +
        '"ipipMode":"Always","natOutgoing":true,"blockSize":26,"nodeSelector":"all()",' +
        '"allowedUses":["Workload","Tunnel"],"assignmentMode":"Automatic"}}',
    );
    expect(created.metadata.uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(created.metadata.resourceVersion).toBe(String(stored?.revision));
    expect(await resources.get('IPPool', 'p1')).toEqual(created);
  });

  it('refuses a second one, a revision, a missing name and what breaks the rules of its kind', async () => {
    const created = await resources.create(policy('a'));
    expect(await codeOf(resources.create(policy('a')))).toBe('already-exists');
    expect(await codeOf(resources.create(created))).toBe('validation');
    expect(await codeOf(resources.create(policy('')))).toBe('validation');
    expect(await codeOf(resources.create({ ...policy('b'), spec: { selector: 'a ==' } }))).toBe('invalid');
  });

  it("keeps a policy's name in the annotation and gives it back without", async () => {
    await resources.create(policy('foo'));
    const stored = await backend.get(`${root}/globalnetworkpolicies/foo`);
    expect(stored?.value).toContain('"annotations":{"projectcalico.org/metadata":"{\\"name\\":\\"foo\\"}"}');
    expect((await resources.get('GlobalNetworkPolicy', 'foo')).metadata.annotations).toBeUndefined();
  });
});

describe('update and apply', () => {
  it('updates only what was read last', async () => {
    const first = await resources.create(policy('a', 1));
    const second = await resources.update({ ...first, spec: { ...first.spec, order: 2 } });
    expect(second.metadata.uid).toBe(first.metadata.uid);
    expect(await codeOf(resources.update(first))).toBe('conflict');
    expect(await codeOf(resources.update(policy('a')))).toBe('validation');
    await resources.delete('GlobalNetworkPolicy', 'a');
    expect(await codeOf(resources.update(second))).toBe('not-found');
  });

  it('applies twice, and the identity of the first stays', async () => {
    const first = await resources.apply(policy('a', 1));
    const second = await resources.apply(policy('a', 2));
    expect(second.metadata.uid).toBe(first.metadata.uid);
    expect(second.metadata.creationTimestamp).toBe(first.metadata.creationTimestamp);
    expect((await resources.get('GlobalNetworkPolicy', 'a')).spec.order).toBe(2);
    expect(await codeOf(resources.apply(first))).toBe('conflict');
  });

  it('lets many apply the same resource at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 5 }, (_, order) => resources.apply(policy('a', order))),
    );
    expect(results.map(({ status }) => status)).toEqual(Array(5).fill('fulfilled'));
  });
});

describe('list', () => {
  it('gives what can be read, of all namespaces or one', async () => {
    for (const namespace of ['x', 'y']) {
      await resources.create({
        kind: 'NetworkSet',
        apiVersion,
        metadata: { name: 'set', namespace },
        spec: { nets: [] },
      });
    }
    await backend.put(`${root}/networksets/x/broken`, 'rubbish');
    const names = async (namespace?: string): Promise<string[]> =>
      (await resources.list('NetworkSet', namespace)).items.map(
        ({ metadata }) => `${metadata.namespace!}/${metadata.name}`,
      );
    expect(await names()).toEqual(['x/set', 'y/set']);
    expect(await names('y')).toEqual(['y/set']);
  });

  it('gives only names with a prefix where asked', async () => {
    for (const name of ['a-1', 'a-2', 'b-1']) await resources.create(policy(name));
    const { items } = await resources.list('GlobalNetworkPolicy', undefined, { namePrefix: 'a-' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a-1', 'a-2']);
  });

  it('gives what was there at an earlier revision', async () => {
    const first = await resources.create(policy('a', 1));
    await resources.update({ ...first, spec: { ...first.spec, order: 2 } });
    const revision = BigInt(first.metadata.resourceVersion!);
    expect((await resources.list('GlobalNetworkPolicy', undefined, { revision })).items).toEqual([first]);
    expect(await resources.get('GlobalNetworkPolicy', 'a', undefined, { revision })).toEqual(first);
  });

  it('has the profile that allows everything, which nobody can change', async () => {
    const { items } = await resources.list('Profile');
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['projectcalico-default-allow']);
    const profile = await resources.get('Profile', 'projectcalico-default-allow');
    expect(profile.metadata.resourceVersion).toBe('1');
    expect(await codeOf(resources.create({ ...profile, metadata: { name: profile.metadata.name } }))).toBe(
      'already-exists',
    );
    expect(await codeOf(resources.delete('Profile', 'projectcalico-default-allow'))).toBe('unsupported');
    const changed = {
      ...profile,
      metadata: { ...profile.metadata, uid: 'u', creationTimestamp: '2026-01-02T03:04:05Z' },
    };
    expect(await codeOf(resources.update(changed))).toBe('unsupported');
    expect(profile.spec).toEqual({ ingress: [{ action: 'Allow' }], egress: [{ action: 'Allow' }] });
    expect((await backend.list(`${root}/profiles/`)).items).toEqual([]);
  });
});

describe('delete', () => {
  it('holds to the preconditions given', async () => {
    const first = await resources.create(policy('a'));
    const { uid, resourceVersion } = first.metadata;
    await resources.update(first);
    expect(await codeOf(resources.delete('GlobalNetworkPolicy', 'a', undefined, { resourceVersion }))).toBe('conflict');
    expect(await codeOf(resources.delete('GlobalNetworkPolicy', 'a', undefined, { uid: 'other' }))).toBe('conflict');
    expect((await resources.delete('GlobalNetworkPolicy', 'a', undefined, { uid })).metadata.name).toBe('a');
    expect(await codeOf(resources.delete('GlobalNetworkPolicy', 'a'))).toBe('not-found');
  });

  it('takes with a Node what is the node’s and nothing else', async () => {
    await resources.create(node('n-1'));
    await resources.create(node('n'));
    for (const [name, ip] of [
      ['n-1', '10.0.0.1/32'],
      ['n', '10.0.0.2/32'],
    ] as const) {
      const escaped = name.replaceAll('-', '--');
      await resources.create({
        kind: 'WorkloadEndpoint',
        apiVersion,
        metadata: { name: `${escaped}-cni-abc-eth0`, namespace: 'default' },
        spec: {
          orchestrator: 'cni',
          node: name,
          containerID: 'abc',
          endpoint: 'eth0',
          interfaceName: 'cali1',
          ipNetworks: [ip],
        },
      });
      await resources.create({
        kind: 'BGPPeer',
        apiVersion,
        metadata: { name: `peer-${name}` },
        spec: { node: name, peerIP: '10.1.1.1', asNumber: parseAsn(64512) },
      });
    }
    for (const name of ['n-1', 'n']) {
      await resources.create({
        kind: 'HostEndpoint',
        apiVersion,
        metadata: { name: `${name}-eth0` },
        spec: { node: name, interfaceName: 'eth0' },
      });
      for (const kind of ['FelixConfiguration', 'BGPConfiguration'] as const) {
        await resources.create({ kind, apiVersion, metadata: { name: `node.${name}` }, spec: {} });
      }
    }
    await resources.delete('Node', 'n-1');
    expect(cleaned).toEqual([
      ['ips', '10.0.0.1', '10.9.0.1', '10.9.0.2', '10.9.0.3'],
      ['host', 'n-1'],
    ]);
    const left = (await backend.list(root)).items.map(({ key }) => key.slice(root.length));
    expect(left).toEqual([
      '/bgpconfigurations/node.n',
      '/bgppeers/peer-n',
      '/felixconfigurations/node.n',
      '/hostendpoints/n-eth0',
      '/nodes/n',
      '/workloadendpoints/default/n-cni-abc-eth0',
    ]);
  });

  it('disables an IP pool and takes its blocks before it goes', async () => {
    await resources.create(pool('p1', '10.0.0.0/16'));
    const deleted = await resources.delete('IPPool', 'p1');
    expect(deleted.spec.disabled).toBe(true);
    expect(cleaned).toEqual([['pool', '10.0.0.0/16']]);
  });

  it('refuses what would leak addresses, when it has no IPAM', async () => {
    await resources.create(node('n1'));
    expect(await codeOf(new Resources(backend).delete('Node', 'n1'))).toBe('unsupported');
  });

  it.each(['default', 'kube-admin', 'kube-baseline'])('keeps the tier %s, which is built in', async (name) => {
    await resources.ensureInitialized();
    expect(await codeOf(resources.delete('Tier', name))).toBe('unsupported');
    expect((await resources.get('Tier', name)).metadata.name).toBe(name);
  });

  it.each(policyKinds)('keeps a tier while a %s is in it', async (kind) => {
    await resources.create(tier('web'));
    const namespace = isNamespaced(kind) ? 'prod' : undefined;
    await resources.create(tieredPolicy(kind, 'web'));
    expect(await codeOf(resources.delete('Tier', 'web'))).toBe('unsupported');
    await resources.delete(kind, 'a', namespace);
    expect((await resources.delete('Tier', 'web')).metadata.name).toBe('web');
  });
});

describe('policies', () => {
  it.each(policyKinds)('of kind %s are created in tiers that exist', async (kind) => {
    expect(await codeOf(resources.create(tieredPolicy(kind, 'web')))).toBe('validation');
    expect((await backend.list('/calico/')).items).toEqual([]);
    await resources.create(tier('web'));
    expect(await codeOf(resources.create(tieredPolicy(kind, 'web')))).toBe('ok');
  });

  it.each(policyKinds)('of kind %s may be in the default tier before the store is initialized', async (kind) => {
    expect(await codeOf(resources.create(tieredPolicy(kind, 'default')))).toBe('ok');
  });

  it('of Kubernetes are not ours to write', async () => {
    const kubernetes = (name: string): Resource<'NetworkPolicy'> => ({
      kind: 'NetworkPolicy',
      apiVersion,
      metadata: { name, namespace: 'prod' },
      spec: {},
    });
    expect(await codeOf(resources.create(kubernetes('knp.default.a')))).toBe('unsupported');
    expect(await codeOf(resources.delete('NetworkPolicy', 'knp.default.a', 'prod'))).toBe('unsupported');
    const created = await resources.create(kubernetes('ossg.default.a'));
    const renamed = { ...created, metadata: { ...created.metadata, name: 'knp.default.a' } };
    expect(await codeOf(resources.update(renamed))).toBe('unsupported');
  });
});

describe('kinds of which there is one', () => {
  it.each([
    ['ClusterInformation', {}],
    ['KubeControllersConfiguration', { controllers: {} }],
    ['IPAMConfiguration', { strictAffinity: false, autoAllocateBlocks: true }],
  ] as const)('%s is called "default"', async (kind, spec) => {
    const named = (name: string): Resource => ({ kind, apiVersion, metadata: { name }, spec }) as Resource;
    expect(await codeOf(resources.create(named('other')))).toBe('invalid');
    expect(await codeOf(resources.create(named('default')))).toBe('ok');
    expect(await codeOf(resources.create(named('default')))).toBe('already-exists');
  });

  it('leave a node its own configuration', async () => {
    for (const name of ['default', 'node.n1']) {
      await resources.create({
        kind: 'FelixConfiguration',
        apiVersion,
        metadata: { name },
        spec: { logSeverityScreen: 'Info' },
      });
      await resources.create({ kind: 'BGPConfiguration', apiVersion, metadata: { name }, spec: { listenPort: 179 } });
    }
    const { items } = await resources.list('FelixConfiguration', undefined, { namePrefix: 'node.' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['node.n1']);
    const wrong: Resource<'BGPConfiguration'> = {
      kind: 'BGPConfiguration',
      apiVersion,
      metadata: { name: 'node.n2' },
      spec: { nodeToNodeMeshEnabled: false },
    };
    expect(await codeOf(resources.create(wrong))).toBe('invalid');
  });
});

describe('IP pools', () => {
  it('may not overlap one another, nor blocks of another size', async () => {
    await resources.create(pool('a', '10.0.0.0/16'));
    expect(await codeOf(resources.create(pool('b', '10.0.128.0/17')))).toBe('validation');
    await backend.put('/calico/ipam/v2/assignment/ipv4/block/10.1.0.0-24', 'a block');
    expect(await codeOf(resources.create(pool('c', '10.1.0.0/16')))).toBe('validation');
    expect(await codeOf(resources.create(pool('c', '10.1.0.0/16', { blockSize: 24 })))).toBe('ok');
  });

  it('keep their network and block size', async () => {
    const created = await resources.create(pool('a', '10.0.0.0/16'));
    expect(await codeOf(resources.update({ ...created, spec: { ...created.spec, cidr: '10.0.0.0/17' } }))).toBe(
      'validation',
    );
    expect(await codeOf(resources.update({ ...created, spec: { ...created.spec, blockSize: 27 } }))).toBe('validation');
    const disabled = await resources.update({ ...created, spec: { ...created.spec, disabled: true } });
    expect(disabled.spec.disabled).toBe(true);
  });

  it('may have their network spelt anew', async () => {
    const created = await resources.create(pool('a', 'fd00::/48'));
    const stored = (await backend.get(`${root}/ippools/a`))?.value ?? '';
    await backend.put(`${root}/ippools/a`, stored.replace('fd00::/48', 'FD00:0:0::/48'));
    const read = await resources.get('IPPool', 'a');
    expect(read.spec.cidr).toBe('FD00:0:0::/48');
    expect((await resources.update(read)).spec.cidr).toBe(created.spec.cidr);
  });

  it('stay with load balancers once they are theirs', async () => {
    const uses = (...allowedUses: ('LoadBalancer' | 'Workload' | 'Tunnel')[]): object => ({ allowedUses });
    const created = await resources.create(pool('a', '10.0.0.0/16', uses('LoadBalancer')));
    expect(await codeOf(resources.update({ ...created, spec: { ...created.spec, allowedUses: ['Workload'] } }))).toBe(
      'validation',
    );
    expect(await codeOf(resources.update(created))).toBe('ok');
    const other = await resources.create(pool('b', '10.1.0.0/16', uses('Workload', 'Tunnel')));
    expect(await codeOf(resources.update({ ...other, spec: { ...other.spec, allowedUses: ['LoadBalancer'] } }))).toBe(
      'ok',
    );
  });

  it('are not deleted under somebody who changed them', async () => {
    const created = await resources.create(pool('a', '10.0.0.0/16'));
    await resources.update(created);
    const { resourceVersion } = created.metadata;
    expect(await codeOf(resources.delete('IPPool', 'a', undefined, { resourceVersion }))).toBe('conflict');
    expect((await resources.get('IPPool', 'a')).spec.disabled).toBeUndefined();
    expect(cleaned).toEqual([]);
  });
});

describe('ensureInitialized', () => {
  it('makes the cluster’s identity and tiers once, and merges the cluster’s types', async () => {
    await Promise.all([
      resources.ensureInitialized({ clusterType: 'k8s,bgp' }),
      resources.ensureInitialized({ clusterType: 'k8s,bgp' }),
    ]);
    const { spec } = await resources.get('ClusterInformation', 'default');
    expect(spec).toMatchObject({ clusterType: 'k8s,bgp', calicoVersion: 'v3.32.1', datastoreReady: true });
    expect(spec.clusterGUID).toMatch(/^[0-9a-f]{32}$/);
    await resources.ensureInitialized({ clusterType: 'bgp,kdd', calicoVersion: 'v3.33.0' });
    await resources.ensureInitialized({});
    const later = (await resources.get('ClusterInformation', 'default')).spec;
    expect(later).toEqual({ ...spec, clusterType: 'k8s,bgp,kdd', calicoVersion: 'v3.33.0' });
    const tiers = (await resources.list('Tier')).items.map(({ metadata, spec: tier }) => [metadata.name, tier.order]);
    expect(tiers).toEqual([
      ['default', 1e6],
      ['kube-admin', 1e3],
      ['kube-baseline', 1e7],
    ]);
  });

  it('leaves a locked store locked', async () => {
    await resources.ensureInitialized();
    const info = await resources.get('ClusterInformation', 'default');
    await resources.update({ ...info, spec: { ...info.spec, datastoreReady: false } });
    await resources.ensureInitialized({ clusterType: 'k8s' });
    expect((await resources.get('ClusterInformation', 'default')).spec.datastoreReady).toBe(false);
  });
});

describe('watch', () => {
  it('ends with the reason when what it missed was compacted away', async () => {
    const first = await resources.create(policy('a', 1));
    const second = await resources.update({ ...first, spec: { ...first.spec, order: 2 } });
    const admin = new Etcd3({ hosts: [...etcd.endpoints] });
    await admin.kv.compact({ revision: second.metadata.resourceVersion! });
    admin.close();
    const watch = resources.watch('GlobalNetworkPolicy', {
      revision: BigInt(first.metadata.resourceVersion!) - 1n,
      signal: AbortSignal.timeout(20_000),
      onEvent: () => undefined,
    });
    expect(await codeOf(watch)).toBe('compacted');
  });

  it('gives what there is, then each change with what was before', async () => {
    const first = await resources.create(policy('a', 1));
    const events: ResourceEvent<'GlobalNetworkPolicy'>[] = [];
    const abort = new AbortController();
    const done = resources.watch('GlobalNetworkPolicy', {
      signal: abort.signal,
      onEvent: (event) => events.push(event),
    });
    await eventually(() => events.length).toBe(1);
    const second = await resources.update({ ...first, spec: { ...first.spec, order: 2 } });
    await resources.delete('GlobalNetworkPolicy', 'a');
    await eventually(() => events.length).toBe(3);
    expect(events).toEqual([
      { type: 'added', resource: first },
      { type: 'modified', resource: second, previous: first },
      { type: 'deleted', previous: second, key: `${root}/globalnetworkpolicies/a` },
    ]);
    abort.abort();
    await done;
  });
});
