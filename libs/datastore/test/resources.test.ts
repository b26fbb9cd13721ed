import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ValidationError, type Resource } from '@calico-node/model';
import { parseAsn } from '@calico-node/net';
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

function node(name: string): Resource<'Node'> {
  return {
    kind: 'Node',
    apiVersion,
    metadata: { name },
    spec: { bgp: { ipv4IPIPTunnelAddr: '10.9.0.1' } },
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

  it('has the profile that allows everything, which nobody can change', async () => {
    const { items } = await resources.list('Profile');
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['projectcalico-default-allow']);
    const profile = await resources.get('Profile', 'projectcalico-default-allow');
    expect(profile.metadata.resourceVersion).toBe('1');
    expect(await codeOf(resources.create({ ...profile, metadata: { name: profile.metadata.name } }))).toBe(
      'already-exists',
    );
    expect(await codeOf(resources.delete('Profile', 'projectcalico-default-allow'))).toBe('unsupported');
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
    await resources.create({ kind: 'FelixConfiguration', apiVersion, metadata: { name: 'node.n-1' }, spec: {} });
    await resources.delete('Node', 'n-1');
    expect(cleaned).toEqual([
      ['ips', '10.0.0.1', '10.9.0.1'],
      ['host', 'n-1'],
    ]);
    const left = (await backend.list(root)).items.map(({ key }) => key.slice(root.length));
    expect(left).toEqual(['/bgppeers/peer-n', '/nodes/n', '/workloadendpoints/default/n-cni-abc-eth0']);
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

  it('keeps tiers that are built in or in use', async () => {
    await resources.ensureInitialized();
    expect(await codeOf(resources.delete('Tier', 'default'))).toBe('unsupported');
    await resources.create({ kind: 'Tier', apiVersion, metadata: { name: 'web' }, spec: { order: 1 } });
    await resources.create({ ...policy('a'), spec: { tier: 'web', selector: 'all()' } });
    expect(await codeOf(resources.delete('Tier', 'web'))).toBe('validation');
    await resources.delete('GlobalNetworkPolicy', 'a');
    expect((await resources.delete('Tier', 'web')).metadata.name).toBe('web');
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
    const disabled = await resources.update({ ...created, spec: { ...created.spec, disabled: true } });
    expect(disabled.spec.disabled).toBe(true);
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
