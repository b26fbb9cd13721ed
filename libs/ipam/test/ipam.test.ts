import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectDatastore, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { encodeHandle, handleKey, ipamConfigKey, parseBlockKey } from '@calico-node/model';
import { parseCidr, parseIp } from '@calico-node/net';
import { Ipam, isIpamError, loadBalancer, type AutoAssignRequest, type Assigned } from '../src/index.ts';

const apiVersion = 'projectcalico.org/v3';

let etcd: EtcdProcess;
let backend: Backend;
let ipam: Ipam;
let now: number;

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: {} });
});

beforeEach(async () => {
  for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
  now = Date.UTC(2026, 0, 2, 3, 4, 5);
  let sequence = 1_000n;
  ipam = new Ipam(backend, { clock: { now: () => now, nanoseconds: () => sequence++ } });
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

async function addPool(name: string, cidr: string, spec: object = {}): Promise<void> {
  const body = { kind: 'IPPool', apiVersion, metadata: { name }, spec: { cidr, ...spec } };
  await backend.put(`/calico/resources/v3/projectcalico.org/ippools/${name}`, JSON.stringify(body));
}

async function addNode(name: string, labels: Record<string, string> = {}): Promise<void> {
  await new Resources(backend).apply({ kind: 'Node', apiVersion, metadata: { name, labels }, spec: {} });
}

async function assign(fields: Partial<AutoAssignRequest> = {}, by = ipam): Promise<readonly string[]> {
  const result = await by.autoAssign({ num4: 1, nodeName: 'n1', use: 'Workload', ...fields });
  return [...result.ipv4, ...result.ipv6].map(text);
}

function text({ ip, prefixLength }: Assigned): string {
  return `${ip}/${prefixLength}`;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => 'ok',
    (reason: unknown) => reason,
  );
  return isIpamError(error) ? error.code : String(error);
}

/** Every key of IPAM with its value, as an operator would see it. */
async function stored(): Promise<Record<string, unknown>> {
  const { items } = await backend.list('/calico/ipam/v2/');
  return Object.fromEntries(
    items.map(({ key, value }) => [key.slice('/calico/ipam/v2/'.length), JSON.parse(value) as unknown]),
  );
}

async function blocks(): Promise<readonly string[]> {
  const { items } = await backend.list('/calico/ipam/v2/assignment/');
  return items.map(({ key }) => parseBlockKey(key) ?? key);
}

async function setConfig(config: object): Promise<void> {
  await backend.put(ipamConfigKey, JSON.stringify(config));
}

describe('autoAssign', () => {
  it('claims a block, and leaves in the store what Calico would', async () => {
    await addPool('p', '10.0.0.0/30', { blockSize: 30 });
    await addNode('n1');
    const attributes = { node: 'n1', pod: 'p', namespace: 'default' };
    expect(await assign({ handleId: 'net.abc', attributes })).toEqual(['10.0.0.0/30']);
    expect(await stored()).toEqual({
      'assignment/ipv4/block/10.0.0.0-30': {
        cidr: '10.0.0.0/30',
        affinity: 'host:n1',
        affinity_claim_time: '2026-01-02T03:04:05Z',
        allocations: [0, null, null, null],
        unallocated: [1, 2, 3],
        attributes: [{ handle_id: 'net.abc', secondary: attributes }],
        sequenceNumber: 1001,
        sequenceNumberForAllocation: { '0': 1000 },
        deleted: false,
      },
      'handle/net.abc': { block: { '10.0.0.0/30': 1 }, deleted: false },
      'host/n1/ipv4/block/10.0.0.0-30': { state: 'confirmed', deleted: false },
    });
  });

  it('takes from its own blocks before it claims another, and over several when one is not enough', async () => {
    await addPool('p', '10.0.0.0/28', { blockSize: 30 });
    await addNode('n1');
    await assign();
    await assign({ num4: 3 });
    expect(await blocks()).toHaveLength(1);
    expect(await assign({ num4: 6 })).toHaveLength(6);
    expect(await blocks()).toHaveLength(3);
  });

  it('gives both families at once', async () => {
    await addPool('four', '10.0.0.0/24');
    await addPool('six', 'fd00::/112');
    await addNode('n1');
    const given = await assign({ num6: 1, handleId: 'h' });
    expect(given.map((one) => one.split('/')[1])).toEqual(['26', '122']);
    expect((await ipam.ipsByHandle('h')).map(text).sort()).toEqual([...given].sort());
  });

  it('borrows from other hosts when the pool is full, unless affinity is strict', async () => {
    await addPool('p', '10.0.0.0/30', { blockSize: 30 });
    await addNode('n1');
    await addNode('n2');
    await assign();
    expect(await assign({ nodeName: 'n2' })).toEqual(['10.0.0.1/30']);
    await setConfig({ strict_affinity: true, auto_allocate_blocks: true });
    const strict = await ipam.autoAssign({ num4: 1, nodeName: 'n2', use: 'Workload' });
    expect(strict.ipv4).toEqual([]);
    expect(strict.shortfall?.code).toBe('pool-full');
  });

  it('says how much it could give when the pool runs out', async () => {
    await addPool('p', '10.0.0.0/30', { blockSize: 30 });
    await addNode('n1');
    const result = await ipam.autoAssign({ num4: 6, nodeName: 'n1', use: 'Workload', handleId: 'h' });
    expect(result.ipv4).toHaveLength(4);
    expect(result.shortfall?.code).toBe('pool-full');
    expect(await ipam.ipsByHandle('h')).toHaveLength(4);
  });

  it('keeps to the number of blocks that a host may own', async () => {
    await addPool('p', '10.0.0.0/24', { blockSize: 30 });
    await addNode('n1');
    const result = await ipam.autoAssign({ num4: 12, nodeName: 'n1', use: 'Workload', maxBlocksPerHost: 2 });
    expect(result.ipv4).toHaveLength(8);
    expect(result.shortfall?.code).toBe('block-limit');
    await setConfig({ strict_affinity: true, auto_allocate_blocks: true, maxBlocksPerHost: 3 });
    expect(await assign({ num4: 12 })).toHaveLength(4);
  });

  it('claims no block by itself where that is off, and uses those that were claimed for the host', async () => {
    await addPool('p', '10.0.0.0/28', { blockSize: 30 });
    await addNode('n1');
    await setConfig({ strict_affinity: true });
    const { ipv4, shortfall } = await ipam.autoAssign({ num4: 1, nodeName: 'n1', use: 'Workload' });
    expect([ipv4, shortfall?.code]).toEqual([[], 'pool-full']);
    expect(shortfall?.message).toContain('autoAllocateBlocks is off');
    expect(await blocks()).toEqual([]);
    await ipam.claimAffinity(parseCidr('10.0.0.8/30'), 'n1');
    expect(await assign()).toEqual(['10.0.0.8/30']);
  });

  it('gives no reserved address', async () => {
    await addPool('p', '10.0.0.0/29', { blockSize: 30 });
    await addNode('n1');
    const spec = { reservedCIDRs: ['10.0.0.0/30', '10.0.0.5/32'] };
    await backend.put('/calico/resources/v3/projectcalico.org/ipreservations/r', JSON.stringify({ spec }));
    expect(await assign({ num4: 8 })).toEqual(['10.0.0.4/30', '10.0.0.6/30', '10.0.0.7/30']);
    await ipam.assignIp({ ip: parseIp('10.0.0.5'), nodeName: 'n1' });
  });

  it('needs a pool and a Node', async () => {
    expect(await codeOf(assign())).toBe('node-unknown');
    await addNode('n1');
    expect(await codeOf(assign())).toBe('no-pool');
    await addPool('p', '10.0.0.0/24', { allowedUses: ['Tunnel'] });
    expect(await codeOf(assign())).toBe('no-pool');
  });

  it("sees a namespace's labels in its profile", async () => {
    await addPool('p', '10.0.0.0/24', { namespaceSelector: 'team == "x"' });
    await addNode('n1');
    const profile = {
      kind: 'Profile',
      apiVersion,
      metadata: { name: 'kns.web' },
      spec: { labelsToApply: { 'pcns.team': 'x' } },
    };
    await backend.put('/calico/resources/v3/projectcalico.org/profiles/kns.web', JSON.stringify(profile));
    expect(await codeOf(assign({ namespace: 'other' }))).toBe('no-pool');
    expect(await assign({ namespace: 'web' })).toHaveLength(1);
  });

  it('starts where real Calico starts on that host', async () => {
    await addPool('p', '10.0.0.0/16');
    await addNode('node1');
    await addNode('kube-master');
    expect(await assign({ nodeName: 'node1' })).toEqual(['10.0.166.128/26']);
    expect(await assign({ nodeName: 'kube-master' })).toEqual(['10.0.221.192/26']);
  });

  it('gives load balancer addresses from blocks that are no node’s', async () => {
    await addPool('p', '10.0.0.0/29', { blockSize: 30, allowedUses: ['LoadBalancer'], assignmentMode: 'Automatic' });
    const balancer = { nodeName: 'load-balancer', use: 'LoadBalancer' } as const;
    const keys = async (prefix: string): Promise<number> =>
      Object.keys(await stored()).filter((key) => key.startsWith(prefix)).length;
    const [given = ''] = await assign({ ...balancer, handleId: 'lb-x' });
    expect(await keys('virtual/load-balancer/')).toBe(1);
    const other = given.startsWith('10.0.0.0/') ? '10.0.0.6' : '10.0.0.2';
    await ipam.assignIp({ ip: parseIp(other), ...balancer });
    expect(await keys('virtual/load-balancer/')).toBe(2);
    expect(await keys('host/')).toBe(0);
    await ipam.releaseByHandle('lb-x');
    await ipam.releaseHostAffinities(loadBalancer);
    expect(await blocks()).toHaveLength(1);
    await addNode('n1');
    expect(await codeOf(assign())).toBe('no-pool');
  });

  it('gives tunnel addresses from the pools that are for them', async () => {
    await addPool('a', '10.0.0.0/24', { allowedUses: ['Workload'] });
    await addPool('b', '10.1.0.0/24', { allowedUses: ['Tunnel'] });
    await addNode('n1');
    const attributes = { node: 'n1', type: 'vxlanTunnelAddress' };
    const [given] = await assign({ use: 'Tunnel', handleId: 'vxlan-tunnel-addr-n1', attributes });
    expect(given).toMatch(/^10\.1\./);
    expect((await assign())[0]).toMatch(/^10\.0\./);
  });

  it('takes a pool for manual assignment only when it is asked for', async () => {
    await addPool('a', '10.0.0.0/24', { assignmentMode: 'Manual' });
    await addNode('n1');
    expect(await codeOf(assign())).toBe('no-pool');
    expect(await assign({ ipv4Pools: ['a'] })).toHaveLength(1);
    expect(await codeOf(assign())).toBe('no-pool');
    expect(await assign({ ipv4Pools: ['10.0.0.0/24'] })).toHaveLength(1);
  });

  it('keeps its empty blocks of pools that a request may not use', async () => {
    await addPool('a', '10.0.0.0/24');
    await addPool('b', '10.1.0.0/24');
    await addPool('c', '10.2.0.0/24', { disabled: true, nodeSelector: 'has(none)' });
    await addNode('n1');
    await assign({ ipv4Pools: ['a'], handleId: 'h' });
    await ipam.releaseByHandle('h');
    await assign({ ipv4Pools: ['b'] });
    expect(await blocks()).toHaveLength(2);
  });

  it('ends where a reservation leaves nothing of a huge pool', async () => {
    await addPool('p', 'fd00::/48');
    await addNode('n1');
    const spec = { reservedCIDRs: ['fd00::/48'] };
    await backend.put('/calico/resources/v3/projectcalico.org/ipreservations/r', JSON.stringify({ spec }));
    const { shortfall } = await ipam.autoAssign({ num6: 1, nodeName: 'n1', use: 'Workload' });
    expect(shortfall?.code).toBe('pool-full');
  });

  it('keeps a handle to its limit, and gives what it holds', async () => {
    await addPool('p', '10.0.0.0/24');
    await addNode('n1');
    await assign({ handleId: 'h', maxPerHandle: 1 });
    const second = await ipam.autoAssign({ num4: 1, nodeName: 'n1', use: 'Workload', handleId: 'h', maxPerHandle: 1 });
    expect(second).toMatchObject({ ipv4: await ipam.ipsByHandle('h'), shortfall: undefined });
    const more = await ipam.autoAssign({ num4: 2, nodeName: 'n1', use: 'Workload', handleId: 'h', maxPerHandle: 1 });
    expect(more.ipv4).toHaveLength(1);
    expect(more.shortfall?.code).toBe('handle-limit');
  });

  it('gives its blocks of a pool up that no longer selects the node', async () => {
    await addPool('a', '10.0.0.0/24', { nodeSelector: 'rack == "a"' });
    await addPool('b', '10.1.0.0/24', { nodeSelector: 'rack == "b"' });
    await addNode('n1', { rack: 'a' });
    await assign({ handleId: 'h' });
    await ipam.releaseByHandle('h');
    expect((await blocks())[0]).toMatch(/^10\.0\./);
    await addNode('n1', { rack: 'b' });
    expect((await assign())[0]).toMatch(/^10\.1\./);
    expect(await blocks()).toHaveLength(1);
  });

  it('takes over a block that another host left empty for a minute', async () => {
    await addPool('p', '10.0.0.0/30', { blockSize: 30 });
    await addNode('n1');
    await addNode('n2');
    await setConfig({ strict_affinity: true, auto_allocate_blocks: true });
    await assign({ nodeName: 'n2', handleId: 'h' });
    await ipam.releaseByHandle('h');
    expect(await assign()).toEqual([]);
    now += 60_000;
    expect(await assign()).toEqual(['10.0.0.0/30']);
    expect(Object.keys(await stored())).toContain('host/n1/ipv4/block/10.0.0.0-30');
    expect(Object.keys(await stored())).not.toContain('host/n2/ipv4/block/10.0.0.0-30');
  });

  it.each([
    ['before the block was made', 'pending', false],
    ['before the affinity was confirmed', 'pending', true],
    ['while it was giving the block back', 'pendingDeletion', true],
  ])('finishes what a host began that died %s', async (_when, state, hasBlock) => {
    await addPool('p', '10.0.0.0/30', { blockSize: 30 });
    await addNode('n1');
    await assign();
    if (!hasBlock) await backend.delete('/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-30');
    await backend.put('/calico/ipam/v2/host/n1/ipv4/block/10.0.0.0-30', JSON.stringify({ state, deleted: false }));
    expect(await assign()).toEqual([hasBlock ? '10.0.0.1/30' : '10.0.0.0/30']);
    expect((await stored())['host/n1/ipv4/block/10.0.0.0-30']).toEqual({ state: 'confirmed', deleted: false });
  });

  it('lets go of an affinity to a block that is another host’s', async () => {
    await addPool('p', '10.0.0.0/29', { blockSize: 30 });
    await addNode('n1');
    await addNode('n2');
    const [given = ''] = await assign({ nodeName: 'n2' });
    const block = given.replace('.1/', '.0/').replace('/', '-');
    await backend.put(`/calico/ipam/v2/host/n1/ipv4/block/${block}`, '{"state":"confirmed","deleted":false}');
    await assign();
    expect(Object.keys(await stored())).not.toContain(`host/n1/ipv4/block/${block}`);
    expect(await blocks()).toHaveLength(2);
  });
});

describe('assignIp', () => {
  beforeEach(async () => {
    await addPool('p', '10.0.0.0/28', { blockSize: 30 });
    await addNode('n1');
  });

  it('gives a chosen address once, and claims its block', async () => {
    const ip = parseIp('10.0.0.6');
    await ipam.assignIp({ ip, nodeName: 'n1', handleId: 'h', use: 'Workload' });
    expect(await codeOf(ipam.assignIp({ ip, nodeName: 'n1', handleId: 'h2' }))).toBe('already-assigned');
    expect(await ipam.attributesOf(ip)).toEqual({ handle_id: 'h' });
    expect(Object.keys(await stored()).sort()).toEqual([
      'assignment/ipv4/block/10.0.0.4-30',
      'handle/h',
      'host/n1/ipv4/block/10.0.0.4-30',
    ]);
  });

  it('needs a pool that allows it, and with strict affinity an own block', async () => {
    expect(await codeOf(ipam.assignIp({ ip: parseIp('10.9.0.1'), nodeName: 'n1' }))).toBe('no-pool');
    expect(await codeOf(ipam.assignIp({ ip: parseIp('10.0.0.1'), nodeName: 'n1', use: 'LoadBalancer' }))).toBe(
      'no-pool',
    );
    await ipam.assignIp({ ip: parseIp('10.0.0.1'), nodeName: 'n1' });
    await setConfig({ strict_affinity: true, auto_allocate_blocks: true });
    expect(await codeOf(ipam.assignIp({ ip: parseIp('10.0.0.2'), nodeName: 'n2' }))).toBe('strict-affinity');
  });
});

describe('release', () => {
  beforeEach(async () => {
    await addPool('p', '10.0.0.0/28', { blockSize: 30 });
    await addNode('n1');
  });

  it('gives a handle’s addresses of all blocks back, and forgets the handle; the blocks stay with the host', async () => {
    const given = await assign({ num4: 6, handleId: 'h' });
    await assign({ handleId: 'other' });
    const released = await ipam.releaseByHandle('h');
    expect([...released].sort()).toEqual(given.map((one) => one.split('/')[0]).sort());
    expect(await ipam.releaseByHandle('h')).toEqual([]);
    expect(await ipam.ipsByHandle('other')).toHaveLength(1);
    const keys = Object.keys(await stored());
    expect(keys.filter((key) => key.startsWith('handle/'))).toEqual(['handle/other']);
    expect(await blocks()).toHaveLength(2);
  });

  it('cleans a handle up that counts more than there is', async () => {
    await backend.put(handleKey('h'), encodeHandle({ block: { '10.0.0.0/30': 2, '10.0.0.4/30': 1 }, deleted: false }));
    await ipam.assignIp({ ip: parseIp('10.0.0.1'), nodeName: 'n1', handleId: 'h' });
    expect(await ipam.releaseByHandle('h')).toEqual(['10.0.0.1']);
    expect(await backend.get(handleKey('h'))).toBeUndefined();
  });

  it('releases single addresses, and reports those that nobody held', async () => {
    await assign({ num4: 2, handleId: 'h' });
    const [first, second] = (await ipam.ipsByHandle('h')).map(({ ip }) => ip);
    expect(await codeOf(ipam.releaseIps([{ ip: first!, handleId: 'other' }]))).toBe('bad-handle');
    expect(await ipam.releaseIps([{ ip: first!, handleId: 'h' }, { ip: parseIp('10.0.0.15') }])).toEqual(['10.0.0.15']);
    expect((await ipam.ipsByHandle('h')).map(({ ip }) => ip)).toEqual([second]);
    expect(await codeOf(ipam.attributesOf(first!))).toBe('not-assigned');
  });

  it('releases the addresses of other blocks when those of one are refused', async () => {
    const given = (await assign({ num4: 6, handleId: 'h' })).map((one) => parseIp(one.split('/')[0]!));
    const mine = given.slice(0, 4).map((ip) => ({ ip, handleId: 'other' }));
    const others = given.slice(4).map((ip) => ({ ip, handleId: 'h' }));
    expect(await codeOf(ipam.releaseIps([...mine, ...others]))).toBe('bad-handle');
    expect(await ipam.ipsByHandle('h')).toHaveLength(4);
  });

  it('releases by sequence number only what nobody was given since', async () => {
    await assign({ handleId: 'h' });
    const [{ ip }] = (await ipam.ipsByHandle('h')) as [Assigned];
    expect(await codeOf(ipam.releaseIps([{ ip, sequenceNumber: 7n }]))).toBe('bad-sequence-number');
    expect(await ipam.releaseIps([{ ip, handleId: 'h\rrest', sequenceNumber: 1000n }])).toEqual([]);
    expect(await backend.get(handleKey('h'))).toBeUndefined();
  });

  it('finds the block of an address whose pool is gone', async () => {
    await assign({ handleId: 'h' });
    await backend.delete('/calico/resources/v3/projectcalico.org/ippools/p');
    const [{ ip }] = (await ipam.ipsByHandle('h')) as [Assigned];
    expect(await ipam.releaseIps([{ ip }])).toEqual([]);
    expect(await stored()).toEqual({});
  });

  it('gives a block up with its last address when its pool no longer selects the host', async () => {
    await addPool('q', '10.1.0.0/28', { blockSize: 30, nodeSelector: 'rack == "a"' });
    await addNode('n1', { rack: 'a' });
    await assign({ ipv4Pools: ['q'], handleId: 'one' });
    await assign({ ipv4Pools: ['q'], handleId: 'two' });
    await addNode('n1', { rack: 'b' });
    await ipam.releaseByHandle('one');
    expect(await blocks()).toHaveLength(1);
    await ipam.releaseByHandle('two');
    expect(await stored()).toEqual({});
  });

  it('gives several addresses of both families to one handle, over as many blocks as it takes, and takes all back', async () => {
    await addPool('six', 'fd00::/124', { blockSize: 126 });
    const { ipv4, ipv6 } = await ipam.autoAssign({ num4: 6, num6: 5, handleId: 'h', nodeName: 'n1', use: 'Workload' });
    expect([new Set(ipv4.map(({ ip }) => ip)).size, new Set(ipv6.map(({ ip }) => ip)).size]).toEqual([6, 5]);
    expect(await blocks()).toHaveLength(4);
    expect(await ipam.ipsByHandle('h')).toHaveLength(11);
    expect(await ipam.releaseByHandle('h')).toHaveLength(11);
    expect(await ipam.ipsByHandle('h')).toEqual([]);
  });

  it('deletes a block without host with its last address', async () => {
    await assign({ handleId: 'h' });
    await ipam.releaseHostAffinities('n1');
    expect(Object.keys(await stored()).filter((key) => key.startsWith('host/'))).toEqual([]);
    expect(await blocks()).toHaveLength(1);
    await ipam.releaseByHandle('h');
    expect(await stored()).toEqual({});
  });

  it('takes all blocks of a pool from their hosts', async () => {
    await addPool('q', '10.1.0.0/28', { blockSize: 30 });
    await assign({ ipv4Pools: ['p'] });
    await assign({ ipv4Pools: ['q'], handleId: 'h' });
    await ipam.releaseByHandle('h');
    await ipam.releasePoolAffinities(parseCidr('10.1.0.0/28'));
    expect((await blocks()).map((block) => block.slice(0, 5))).toEqual(['10.0.']);
    await ipam.releasePoolAffinities(parseCidr('10.0.0.0/28'));
    expect(Object.values(await stored())).toMatchObject([{ affinity: null }]);
  });
});

describe('affinities and settings', () => {
  it('claims and releases a chosen block', async () => {
    await addPool('p', '10.0.0.0/28', { blockSize: 30 });
    const cidr = parseCidr('10.0.0.4/30');
    for (let turn = 0; turn < 2; turn++) {
      expect(await ipam.claimAffinity(cidr, 'n1')).toEqual({ claimed: [cidr], taken: [] });
    }
    expect(await ipam.claimAffinity(cidr, 'n2')).toEqual({ claimed: [], taken: [cidr] });
    expect(await codeOf(ipam.claimAffinity(parseCidr('10.0.0.0/31'), 'n1'))).toBe('invalid');
    expect(await codeOf(ipam.claimAffinity(parseCidr('10.1.0.0/30'), 'n1'))).toBe('no-pool');
    await ipam.assignIp({ ip: parseIp('10.0.0.5'), nodeName: 'n1' });
    expect(await codeOf(ipam.releaseAffinity(cidr, 'n1', { mustBeEmpty: true }))).toBe('block-not-empty');
    await ipam.releaseAffinity(cidr, 'n1');
    expect(Object.keys(await stored())).toEqual(['assignment/ipv4/block/10.0.0.4-30']);
  });

  it('claims and releases all blocks of a network that it can get', async () => {
    await addPool('p', '10.0.0.0/28', { blockSize: 30 });
    await ipam.claimAffinity(parseCidr('10.0.0.4/30'), 'n2');
    const { claimed, taken } = await ipam.claimAffinity(parseCidr('10.0.0.0/28'), 'n1');
    expect(claimed).toEqual(['10.0.0.0/30', '10.0.0.8/30', '10.0.0.12/30']);
    expect(taken).toEqual(['10.0.0.4/30']);
    await ipam.assignIp({ ip: parseIp('10.0.0.9'), nodeName: 'n1' });
    expect(await codeOf(ipam.releaseHostAffinities('n1', { mustBeEmpty: true }))).toBe('block-not-empty');
    expect(await blocks()).toEqual(['10.0.0.4/30', '10.0.0.8/30']);
    await ipam.releaseAffinity(parseCidr('10.0.0.0/28'), 'n1');
    expect(Object.keys(await stored()).filter((key) => key.startsWith('host/n1'))).toEqual([]);
    await ipam.releaseAffinity(parseCidr('10.0.0.0/29'), 'n1');
    expect(await blocks()).toContain('10.0.0.4/30');
  });

  it('takes an affinity from a pool that a host had only begun to claim', async () => {
    await addPool('p', '10.0.0.0/28', { blockSize: 30 });
    await backend.put('/calico/ipam/v2/host/n1/ipv4/block/10.0.0.0-30', '{"state":"pending","deleted":false}');
    await ipam.releasePoolAffinities(parseCidr('10.0.0.0/28'));
    expect(await stored()).toEqual({});
  });

  it('refuses settings under which no address could be given', async () => {
    expect(await codeOf(ipam.setConfig({ strict_affinity: false, auto_allocate_blocks: false }))).toBe('invalid');
    expect(await codeOf(ipam.setConfig({ auto_allocate_blocks: true, maxBlocksPerHost: 3 }))).toBe('invalid');
    await ipam.setConfig({ strict_affinity: true, auto_allocate_blocks: true, maxBlocksPerHost: 3 });
    expect((await stored())['config']).toEqual({
      strict_affinity: true,
      auto_allocate_blocks: true,
      maxBlocksPerHost: 3,
    });
  });
});

describe('owners', () => {
  const pod = (name: string): Record<string, string> => ({ namespace: 'd', pod: name });

  it('change for every address of a handle and no other, as Calico stores them', async () => {
    await addPool('p', '10.0.0.0/24', { blockSize: 29 });
    await addPool('q', 'fd00::/112', { blockSize: 122 });
    await addNode('n1');
    await assign({ num6: 1, handleId: 'net.vmi.d.m', attributes: pod('a') });
    await assign({ handleId: 'net.c', attributes: pod('c') });
    const owned = await ipam.changeOwners('net.vmi.d.m', ({ active }) => ({ active, alternate: pod('b') }));
    expect(owned.map(text)).toEqual([expect.stringContaining('/29'), expect.stringContaining('/122')]);
    for (const { active, alternate } of owned)
      expect({ active, alternate }).toEqual({ active: pod('a'), alternate: pod('b') });
    const attributes = async (): Promise<unknown> =>
      Object.entries(await stored()).flatMap(([key, value]) =>
        key.startsWith('assignment/ipv4/') ? (value as { attributes: unknown[] }).attributes : [],
      );
    expect(await attributes()).toEqual([
      { handle_id: 'net.vmi.d.m', secondary: pod('a'), alternateOwnerAttrs: pod('b') },
      { handle_id: 'net.c', secondary: pod('c') },
    ]);
    await ipam.changeOwners('net.vmi.d.m', () => ({ active: undefined, alternate: {} }));
    expect(await attributes()).toEqual([{ handle_id: 'net.vmi.d.m' }, { handle_id: 'net.c', secondary: pod('c') }]);
    const { revision } = await backend.list('/calico/ipam/');
    await ipam.changeOwners('net.vmi.d.m', () => ({ active: undefined, alternate: undefined }));
    expect((await backend.list('/calico/ipam/')).revision).toBe(revision);
    expect(await ipam.changeOwners('nobody', (owners) => owners)).toEqual([]);
    expect(await ipam.releaseByHandle('net.vmi.d.m')).toHaveLength(2);
  });

  it('are computed anew when somebody else was faster', async () => {
    await addPool('p', '10.0.0.0/24');
    await addNode('n1');
    await assign({ handleId: 'm', attributes: { count: '0' } });
    const other = new Ipam(backend);
    const add = (by: Ipam) =>
      by.changeOwners('m', ({ active }) => ({
        active: { count: String(Number(active?.['count']) + 1) },
        alternate: undefined,
      }));
    await Promise.all(Array.from({ length: 10 }, (_, index) => add(index % 2 === 0 ? ipam : other)));
    const [owned] = await ipam.changeOwners('m', (owners) => owners);
    expect(owned?.active).toEqual({ count: '10' });
  });
});
