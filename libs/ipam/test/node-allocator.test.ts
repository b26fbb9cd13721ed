import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectDatastore, Resources, type Backend, type EndpointDraft } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { ipamConfigKey, resourceKey } from '@calico-node/model';
import { cidrOf, type IpAddress } from '@calico-node/net';
import { Ipam, NodeAllocator, rehearseAllocations, type WarmAssign, type WarmOutcome } from '../src/index.ts';

const apiVersion = 'projectcalico.org/v3';
const resources = '/calico/resources/v3/projectcalico.org';

let etcd: EtcdProcess;
let backend: Backend;
let ipam: Ipam;
let allocator: NodeAllocator;
/** The calls that the allocator made. */
let calls: string[];

/** The store, its calls noted. */
function noted(inner: Backend): Backend {
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        calls.push(String(name));
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
}

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: {} });
});

beforeEach(async () => {
  for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
  calls = [];
  ipam = new Ipam(backend);
  allocator = new NodeAllocator(noted(backend), 'n1');
  await pool('p', '10.0.0.0/24', { blockSize: 29 });
  await new Resources(backend).apply({ kind: 'Node', apiVersion, metadata: { name: 'n1' }, spec: {} });
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

async function pool(name: string, cidr: string, spec: object = {}): Promise<void> {
  const body = { kind: 'IPPool', apiVersion, metadata: { name }, spec: { cidr, ...spec } };
  await backend.put(`${resources}/ippools/${name}`, JSON.stringify(body));
}

const assignment = (handleId: string, fields: Partial<WarmAssign> = {}): WarmAssign => ({
  type: 'assign',
  num4: 1,
  num6: 0,
  handleId,
  attributes: { node: 'n1' },
  ipv4Pools: [],
  ipv6Pools: [],
  use: 'Workload',
  ...fields,
});

/** Gives the node a block, with one address taken. */
async function ownBlock(handleId = 'first'): Promise<string> {
  const { ipv4 } = await ipam.autoAssign({ num4: 1, handleId, nodeName: 'n1', use: 'Workload' });
  allocator.forget();
  return ipv4[0]!.ip;
}

const serveOne = async (request: WarmAssign): Promise<WarmOutcome> => (await allocator.serve([request]))[0]!;
const releaseOne = async (handleId: string): Promise<WarmOutcome> =>
  (await allocator.serve([{ type: 'release', handleId }]))[0]!;

function addressesOf(outcome: WarmOutcome): string[] {
  return outcome.type === 'assigned' ? [...outcome.ipv4, ...outcome.ipv6].map(({ ip }) => ip) : [outcome.type];
}

/** IPAM's keys and values, with what depends on the clock left out. */
async function stored(): Promise<Record<string, unknown>> {
  const { items } = await backend.list('/calico/ipam/v2/');
  return Object.fromEntries(
    items.map(({ key, value }) => [
      key,
      JSON.parse(value.replace(/"(affinity_claim_time|timestamp)":"[^"]*"/g, '"$1":""').replace(/\d{15,}/g, '0')),
    ]),
  );
}

describe('an allocation without memory', () => {
  const direct = () => new Ipam(noted(backend)).autoAssign({ num4: 1, handleId: 'h', nodeName: 'n1', use: 'Workload' });

  it('takes five steps from an own block: four things read at once, then each what the one before tells', async () => {
    await ownBlock();
    calls = [];
    await direct();
    expect(calls).toEqual(['get', 'list', 'list', 'get', 'list', 'get', 'get', 'commit']);
  });

  it('takes seven steps when it claims a block', async () => {
    await direct();
    const claim = ['list', 'create', 'create', 'update'];
    expect(calls).toEqual(['get', 'list', 'list', 'get', 'list', ...claim, 'commit']);
  });
});

describe('an allocation from memory', () => {
  it('leaves in the store what one without memory leaves, in one round trip', async () => {
    await ownBlock();
    const requests = ['a', 'b'].map((id) => assignment(id, { num4: 2 }));
    const warm: string[] = [];
    for (const request of requests) warm.push(...addressesOf(await serveOne(request)));
    const left = await stored();
    for (const { handleId } of requests) await ipam.releaseByHandle(handleId);
    await ipam.releaseByHandle('first');
    for (const { key } of (await backend.list('/calico/ipam/')).items) await backend.delete(key);
    await ownBlock();
    const cold: string[] = [];
    for (const request of requests) {
      cold.push(...(await ipam.autoAssign({ ...request, nodeName: 'n1' })).ipv4.map(({ ip }) => ip));
    }
    expect(warm).toEqual(cold);
    expect(left).toEqual(await stored());
  });

  it('takes one call to the store once the blocks are known, for any number of requests, and one to give back', async () => {
    await ownBlock();
    await serveOne(assignment('a'));
    calls = [];
    const outcomes = await allocator.serve(['b', 'c', 'd'].map((id) => assignment(id)));
    expect(new Set(outcomes.flatMap(addressesOf)).size).toBe(3);
    expect(calls).toEqual(['commit']);
    calls = [];
    expect((await releaseOne('b')).type).toBe('released');
    expect(calls).toEqual(['commit']);
    expect(await ipam.ipsByHandle('b')).toEqual([]);
    expect(Object.keys(await stored()).filter((key) => key.endsWith('/b'))).toEqual([]);
  });

  it('spreads over the blocks of a node', async () => {
    await ipam.autoAssign({ num4: 9, handleId: 'first', nodeName: 'n1', use: 'Workload' });
    await ipam.releaseByHandle('first');
    expect(new Set(addressesOf(await serveOne(assignment('a', { num4: 12 })))).size).toBe(12);
    expect(await releaseOne('a')).toMatchObject({ type: 'released', ips: { length: 12 } });
    expect(await backend.list('/calico/ipam/v2/handle/')).toMatchObject({ items: [] });
  });

  it('goes on from what another allocator wrote meanwhile', async () => {
    await ownBlock();
    const mine = addressesOf(await serveOne(assignment('a')));
    const other = await ipam.autoAssign({ num4: 2, handleId: 'other', nodeName: 'n1', use: 'Workload' });
    const more = addressesOf(await serveOne(assignment('b')));
    expect(new Set([...mine, ...more, ...other.ipv4.map(({ ip }) => ip as string)]).size).toBe(4);
    await ipam.releaseByHandle('a');
    expect(await releaseOne('a')).toEqual({ type: 'released', ips: [] });
  });

  it('serves the others of a batch when one handle is there already', async () => {
    await ownBlock();
    await serveOne(assignment('warm'));
    await ipam.autoAssign({ num4: 1, handleId: 'taken', nodeName: 'n1', use: 'Workload' });
    const outcomes = await allocator.serve([assignment('a'), assignment('taken'), assignment('b')]);
    expect(outcomes.map(({ type }) => type)).toEqual(['assigned', 'unserved', 'assigned']);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['its pool is disabled', () => pool('p', '10.0.0.0/24', { blockSize: 29, disabled: true })],
    ['its pool is gone', () => backend.delete(`${resources}/ippools/p`)],
    ['its pool selects other nodes', () => pool('p', '10.0.0.0/24', { blockSize: 29, nodeSelector: "rack == '2'" })],
    ['its pool selects by namespace', () => pool('p', '10.0.0.0/24', { blockSize: 29, namespaceSelector: 'all()' })],
    ['its pool is for other uses', () => pool('p', '10.0.0.0/24', { blockSize: 29, allowedUses: ['Tunnel'] })],
    ['the node is gone', () => backend.delete(`${resources}/nodes/n1`)],
    [
      'the node lost the affinity, and may claim no block',
      async () => {
        await backend.put(ipamConfigKey, JSON.stringify({ auto_allocate_blocks: false }));
        await ipam.releaseHostAffinities('n1');
      },
    ],
    [
      'everything was reserved',
      () => backend.put(`${resources}/ipreservations/r`, JSON.stringify({ spec: { reservedCIDRs: ['10.0.0.0/24'] } })),
    ],
  ])('is not made when %s', async (_, change) => {
    await ownBlock();
    await serveOne(assignment('a'));
    await change();
    const before = await stored();
    expect(await serveOne(assignment('b'))).toEqual({ type: 'unserved' });
    expect(await stored()).toEqual(before);
  });

  it('leaves a release to others when the block must be given up with it', async () => {
    await ownBlock();
    await serveOne(assignment('a'));
    await pool('p', '10.0.0.0/24', { blockSize: 29, nodeSelector: "rack == '2'" });
    expect(await releaseOne('a')).toEqual({ type: 'unserved' });
  });

  it('lets an address rest as long as is configured', async () => {
    await backend.put(
      ipamConfigKey,
      JSON.stringify({ auto_allocate_blocks: true, maxBlocksPerHost: 1, ipCooldownSeconds: 3600 }),
    );
    await ownBlock();
    const [ip] = addressesOf(await serveOne(assignment('a', { num4: 7 })));
    await releaseOne('a');
    expect(await serveOne(assignment('b'))).toEqual({ type: 'unserved' });
    expect(await ipam.attributesOf(ip as never).catch(String)).toContain('is not assigned');
  });
});

describe('a claim from memory', () => {
  const direct = (handleId: string, nodeName = 'n1', num4 = 1) =>
    ipam.autoAssign({ num4, handleId, nodeName, use: 'Workload' });

  const affinities = async (): Promise<string[]> =>
    (await backend.list('/calico/ipam/v2/host/n1/')).items.map(({ key, value }) => `${key.split('/').at(-1)} ${value}`);

  it('leaves in the store what one without memory leaves, in the round trip of the allocation', async () => {
    await serveOne(assignment('none', { num4: 9 })); // more than a block has
    calls = [];
    const warm = addressesOf(await serveOne(assignment('a')));
    expect(calls).toEqual(['commit']);
    const left = await stored();
    for (const { key } of (await backend.list('/calico/ipam/')).items) await backend.delete(key);
    const { ipv4 } = await ipam.autoAssign({ ...assignment('a'), nodeName: 'n1' });
    expect(warm).toEqual(ipv4.map(({ ip }) => ip));
    expect(left).toEqual(await stored());
  });

  it('comes when own blocks have too few, once for a batch, and serves what comes after', async () => {
    await ownBlock();
    await serveOne(assignment('a', { num4: 6 }));
    const outcomes = await allocator.serve(['b', 'c', 'd'].map((id) => assignment(id, { num4: 2 })));
    expect(new Set(outcomes.flatMap(addressesOf)).size).toBe(6);
    expect(await affinities()).toHaveLength(2);
    calls = [];
    expect(addressesOf(await serveOne(assignment('e')))).toHaveLength(1);
    expect(calls).toEqual(['commit']);
    expect((await releaseOne('c')).type).toBe('released');
  });

  it('passes by blocks that others have', async () => {
    await serveOne(assignment('none', { num4: 9 }));
    await new Resources(backend).apply({ kind: 'Node', apiVersion, metadata: { name: 'n2' }, spec: {} });
    // What n1 would take is another's by the time it does.
    const first = (await direct('probe')).ipv4[0]!.ip;
    await ipam.releaseByHandle('probe');
    await ipam.releaseHostAffinities('n1');
    await ipam.claimAffinity(cidrOf(first, 29), 'n2');
    const [given] = addressesOf(await serveOne(assignment('a')));
    expect(cidrOf(given as IpAddress, 29)).not.toBe(cidrOf(first, 29));
    expect((await direct('b', 'n2')).ipv4[0]!.ip).toBe(first);
  });

  it.each([
    [
      'it has as many as it may',
      () => backend.put(ipamConfigKey, JSON.stringify({ auto_allocate_blocks: true, maxBlocksPerHost: 1 })),
    ],
    [
      'blocks are not claimed by themselves',
      () => backend.put(ipamConfigKey, JSON.stringify({ auto_allocate_blocks: false })),
    ],
    [
      'a claim was left half done',
      () => backend.put('/calico/ipam/v2/host/n1/ipv4/block/10.0.0.248-29', '{"state":"pending"}'),
    ],
  ])('is left to others when %s', async (_, prepare) => {
    await ownBlock();
    await prepare();
    allocator.forget();
    await serveOne(assignment('a', { num4: 7 }));
    const before = await stored();
    expect(await serveOne(assignment('b'))).toEqual({ type: 'unserved' });
    await allocator.prepare(assignment('b'));
    expect(await stored()).toEqual(before);
  });

  it('is left to others when the request allows no more blocks', async () => {
    await ownBlock();
    await serveOne(assignment('a', { num4: 7 }));
    expect(await serveOne(assignment('b', { maxBlocksPerHost: 1 }))).toEqual({ type: 'unserved' });
    expect(addressesOf(await serveOne(assignment('b', { maxBlocksPerHost: 2 })))).toHaveLength(1);
  });

  it('takes a block of the node that lost its affinity for half done', async () => {
    await serveOne(assignment('none', { num4: 9 }));
    await direct('a');
    for (const { key } of (await backend.list('/calico/ipam/v2/host/n1/')).items) await backend.delete(key);
    expect(await serveOne(assignment('b'))).toEqual({ type: 'unserved' });
  });

  it('can be made ahead, takes no address then, and the next request needs one step', async () => {
    await ownBlock();
    await serveOne(assignment('a', { num4: 7 }));
    await allocator.prepare(assignment('a'));
    expect(await affinities()).toHaveLength(2);
    await allocator.prepare(assignment('a'));
    expect(await affinities()).toHaveLength(2);
    calls = [];
    expect(addressesOf(await serveOne(assignment('b')))).toHaveLength(1);
    expect(calls).toEqual(['commit']);
  });

  it('is not made ahead where affinity is strict', async () => {
    await backend.put(ipamConfigKey, JSON.stringify({ auto_allocate_blocks: true, strict_affinity: true }));
    await ownBlock();
    await serveOne(assignment('a', { num4: 7 }));
    await allocator.prepare(assignment('a'));
    expect(await affinities()).toHaveLength(1);
    expect(addressesOf(await serveOne(assignment('b')))).toHaveLength(1);
    expect(await affinities()).toHaveLength(2);
  });
});

describe('an allocation with a workload endpoint', () => {
  const premiseKey = '/calico/premise';

  function draft(name = 'e', premises: EndpointDraft['premises'] = []): EndpointDraft {
    const metadata = { name: `n1-cni-${name}-eth0`, namespace: 'default' };
    const spec = { node: 'n1', orchestrator: 'cni', endpoint: 'eth0', containerID: name, interfaceName: `cali${name}` };
    const { endpoint } = new Resources(backend).draftEndpoint(
      { kind: 'WorkloadEndpoint', apiVersion, metadata, spec },
      [],
    );
    return { endpoint, premises };
  }

  const storedEndpoint = ({ endpoint: { metadata } }: EndpointDraft) =>
    backend.get(resourceKey('WorkloadEndpoint', metadata.name, metadata.namespace));

  it('creates it in the same step, with the addresses', async () => {
    await ownBlock();
    await serveOne(assignment('warm'));
    const { revision } = await backend.put(premiseKey, '');
    const endpoint = draft('e', [{ key: premiseKey, revision }]);
    calls = [];
    const outcome = await serveOne(assignment('a', { endpoint, num4: 2 }));
    expect(calls).toEqual(['commit']);
    const stored = await storedEndpoint(endpoint);
    expect(outcome).toMatchObject({ type: 'assigned', endpointRevision: stored!.revision });
    expect(stored!.revision).toBe(revision + 1n);
    expect(JSON.parse(stored!.value)).toMatchObject({
      metadata: { uid: endpoint.endpoint.metadata.uid },
      spec: { ipNetworks: addressesOf(outcome).map((ip) => `${ip}/32`) },
    });
  });

  it('goes without when there is one of its name, or a premise has changed', async () => {
    await ownBlock();
    await serveOne(assignment('a', { endpoint: draft() }));
    const before = await storedEndpoint(draft());
    await backend.put(premiseKey, '');
    const { revision } = await backend.put(premiseKey, '');
    const drafts = {
      exists: draft(),
      stale: draft('stale', [{ key: premiseKey, revision: revision - 1n }]),
      gone: draft('gone', [{ key: '/calico/none', revision }]),
      fine: draft('fine', [{ key: premiseKey, revision }]),
    };
    const requests = Object.entries(drafts).map(([id, endpoint]) => assignment(id, { endpoint }));
    const outcomes = await allocator.serve(requests);
    const { revision: created } = (await storedEndpoint(drafts.fine))!;
    expect(outcomes.map((outcome) => outcome.type === 'assigned' && outcome.endpointRevision)).toEqual([
      undefined,
      undefined,
      undefined,
      created,
    ]);
    expect(new Set(outcomes.flatMap(addressesOf)).size).toBe(4);
    expect(await storedEndpoint(drafts.exists)).toEqual(before);
    expect(await storedEndpoint(drafts.stale)).toBeUndefined();
    expect(await storedEndpoint(drafts.gone)).toBeUndefined();
  });

  it('takes more than one step when one would be too large for the store', async () => {
    await pool('p', '10.0.0.0/24', { blockSize: 25 });
    await ownBlock();
    const drafts = Array.from({ length: 96 }, (_, index) => draft(`e${index}`));
    calls = [];
    const outcomes = await allocator.serve(drafts.map((endpoint, index) => assignment(`h${index}`, { endpoint })));
    expect(calls.filter((call) => call === 'commit')).toHaveLength(2);
    expect(new Set(outcomes.flatMap(addressesOf)).size).toBe(96);
    const revisions = outcomes.map((outcome) => outcome.type === 'assigned' && outcome.endpointRevision);
    expect(new Set(revisions).size).toBe(2);
  });
});

it('changes nothing when allocations are rehearsed, whether the node has a block or not', async () => {
  for (const prepare of [() => undefined, ownBlock]) {
    await prepare();
    const before = (await backend.list('')).revision;
    calls = [];
    await rehearseAllocations(noted(backend), 'n1');
    expect(calls.filter((call) => call === 'commit').length).toBeGreaterThan(1);
    expect((await backend.list('')).revision).toBe(before);
  }
});
