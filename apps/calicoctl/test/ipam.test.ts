import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import { blockPrefix, handleKey, ipamConfigKey } from '@calico-node/model';
import { KubernetesApi } from '@calico-node/kubernetes/testing';
import { parseIp } from '@calico-node/net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manifest, startCli, type Cli } from './cli.ts';

let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
});

afterAll(async () => {
  await cli[Symbol.asyncDispose]();
});

/** A pool; web's address of n1, leaked; tunnel's of n1, in use; one of n2, borrowed and leaked; one not allocated. */
beforeEach(async () => {
  await cli.clear();
  const endpoint = manifest(
    'WorkloadEndpoint',
    'n1-k8s-db-eth0',
    {
      orchestrator: 'k8s',
      node: 'n1',
      pod: 'db',
      endpoint: 'eth0',
      interfaceName: 'cali1',
      ipNetworks: ['10.65.0.9/32'],
    },
    { namespace: 'default' },
  );
  const documents = [
    manifest('IPPool', 'pool', { cidr: '10.65.0.0/16' }),
    manifest('Node', 'n1', { ipv4VXLANTunnelAddr: '10.65.0.8' }),
    endpoint,
  ];
  await cli.succeed('create -f -', documents.join('\n---\n'));
  const ipam = new Ipam(cli.backend);
  await ipam.assignIp({
    ip: parseIp('10.65.0.5'),
    nodeName: 'n1',
    handleId: 'net.c1',
    attributes: { node: 'n1', pod: 'web', namespace: 'prod' },
  });
  await ipam.assignIp({ ip: parseIp('10.65.0.6'), nodeName: 'n2', handleId: 'net.c2', attributes: { node: 'n2' } });
  await ipam.assignIp({
    ip: parseIp('10.65.0.8'),
    nodeName: 'n1',
    handleId: 'vxlan-tunnel-addr-n1',
    attributes: { node: 'n1', type: 'vxlanTunnelAddress' },
  });
});

describe('ipam show', () => {
  it('counts addresses by pool and block, and tells who has one', async () => {
    expect(await cli.succeed('ipam show --show-blocks')).toBe(
      `+----------+--------------+-----------+------------+--------------+
| GROUPING |     CIDR     | IPS TOTAL | IPS IN USE |   IPS FREE   |
+----------+--------------+-----------+------------+--------------+
| IP Pool  | 10.65.0.0/16 |     65536 | 3 (0%)     | 65533 (100%) |
| Block    | 10.65.0.0/26 |        64 | 3 (5%)     | 61 (95%)     |
+----------+--------------+-----------+------------+--------------+
`,
    );
    expect(await cli.succeed('ipam show --ip=10.65.0.5')).toBe(
      'IP 10.65.0.5 is in use\nHandle ID: net.c1\nActive Owner Attributes:\n  namespace: prod\n  node: n1\n  pod: web\n',
    );
    expect(await cli.succeed('ipam show --ip=10.65.0.7')).toBe('10.65.0.7 is not assigned\n');
    expect(await cli.succeed('ipam show --show-borrowed')).toContain(
      '| 10.65.0.6 | n2             | 10.65.0.0/26 | n1          |',
    );
    expect(await cli.succeed('ipam show --show-configuration')).toContain(
      '| StrictAffinity               | false     |',
    );
    expect(await cli.fail('ipam show --ip=10.65.0')).toContain('invalid IP address');
  });
});

describe('ipam release', () => {
  it('frees an address, once', async () => {
    expect(await cli.succeed('ipam release --ip=10.65.0.5')).toBe('Successfully released IP address 10.65.0.5\n');
    expect(await cli.fail('ipam release --ip=10.65.0.5')).toBe('IP address 10.65.0.5 is not assigned\n');
    expect(await cli.fail('ipam release')).toContain('--ip');
  });
});

describe('ipam configure', () => {
  it('sets what is given and refuses what could give no address', async () => {
    expect(await cli.succeed('ipam configure --strictaffinity=true --max-blocks-per-host=4')).toBe(
      'Successfully set StrictAffinity to: true\nSuccessfully set MaxBlocksPerHost to: 4\n',
    );
    expect((await new Ipam(cli.backend).config()).maxBlocksPerHost).toBe(4);
    expect(await cli.fail('ipam configure --strictaffinity=false')).toContain('strict affinity');
    expect(await cli.fail('ipam configure')).toContain('at least one configuration option must be specified');
    expect(await cli.fail('ipam configure --strictaffinity=maybe')).toContain('Use true or false');
    expect(await cli.fail('ipam configure --max-blocks-per-host=x')).toContain('Use a valid number');
    expect(await cli.succeed('ipam configure --kubevirt-ip-persistence=Disabled')).toBe(
      'Successfully set KubeVirtVMAddressPersistence to: Disabled\n',
    );
    expect(await cli.fail('ipam configure --kubevirt-ip-persistence=on')).toContain('Enabled or Disabled');
    expect(await cli.succeed('ipam configure --ip-cooldown-seconds=30')).toBe(
      'Successfully set IPCooldownSeconds to: 30\n',
    );
    expect(await cli.succeed('ipam show --show-configuration')).toMatch(/IPCooldownSeconds +\| +30 /);
    await cli.succeed('ipam configure --ip-cooldown-seconds=-1');
    expect((await cli.backend.get(ipamConfigKey))?.value).not.toContain('ipCooldownSeconds');
    expect(await cli.fail('ipam configure --ip-cooldown-seconds=-2')).toContain('a valid number');
  });

  it('writes nothing when nothing changes', async () => {
    await cli.succeed('ipam configure --strictaffinity=true');
    const before = await cli.backend.get(ipamConfigKey);
    await cli.succeed('ipam configure --strictaffinity=true');
    expect(await cli.backend.get(ipamConfigKey)).toEqual(before);
  });
});

describe('ipam check', () => {
  it('reports every section and changes nothing', async () => {
    await cli.backend.put(handleKey('left-over'), '{"block":{},"deleted":false}');
    const before = (await cli.backend.list('/calico/')).items;
    expect(await cli.succeed('ipam check --show-problem-ips')).toBe(`Checking IPAM for inconsistencies...

Loading all IPAM blocks...
Found 1 IPAM blocks.
 IPAM block 10.65.0.0/26 affinity=host:n1:
IPAM blocks record 3 allocations.

Loading all IPAM pools...
  10.65.0.0/16
Found 1 active IP pools.

Loading all nodes.
Found 1 node tunnel IPs.

Loading all service load balancer IPs.
Services are not read: neither --kubeconfig nor KUBECONFIG is set. Load balancer addresses are taken to be in use.
Found 0 allocated load balancer IPs.

Loading all workload endpoints.
Found 1 workload IPs.
Workloads and nodes are using 2 IPs.

Loading all handles
Looking for top (up to 20) nodes by allocations...
  n1 has 2 allocations
  n2 has 1 allocations
Node with most allocations has 2; median is 1

Scanning for IPs that are allocated but not actually in use...
  10.65.0.5 leaked; attrs Main:net.c1 Extra:namespace=prod,node=n1,pod=web
  10.65.0.6 leaked; attrs Main:net.c2 Extra:node=n2
Found 2 IPs that are allocated in IPAM but not actually in use.
Scanning for IPs that are in use by a workload or node but not allocated in IPAM...
  10.65.0.9 in use by Workload(default/n1-k8s-db-eth0) and in active IPAM pool but has no IPAM allocation.
Found 0 in-use IPs that are not in active IP pools.
Found 1 in-use IPs that are in active IP pools but have no corresponding IPAM allocation.

Scanning for IPAM handles with no matching IPs...
Found 1 handles with no matching IPs (and 3 handles with matches).
Scanning for IPs with missing handle...
Found 0 handles mentioned in blocks with no matching handle resource.
Validating IPAMBlock structures...
Found 0 invalid IPAMBlocks.
Check complete; found 4 problems.
`);
    expect((await cli.backend.list('/calico/')).items).toEqual(before);
    const all = await cli.succeed('ipam check --show-all-ips');
    expect(all).toContain('  10.65.0.5 allocated; attrs Main:net.c1 Extra:namespace=prod,node=n1,pod=web\n');
    expect(all).toContain('  10.65.0.8 belongs to Node(n1)\n');
    expect(all).toContain("  left-over doesn't have any active IPs.\n");
  });

  it('asks the Kubernetes API which services have load balancer addresses', async () => {
    await using api = await KubernetesApi.start();
    const kubeconfig = api.writeKubeconfig(join(cli.directory, 'kubeconfig'));
    const service = (name: string, ips: string[], spec: object = {}): void => {
      const object = {
        metadata: { namespace: 'shop', name },
        spec: { type: 'LoadBalancer', ...spec },
        status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } },
      };
      api.set('/api/v1/services', object);
    };
    service('front', ['10.65.0.70']);
    service('elsewhere', ['10.65.0.71'], { loadBalancerClass: 'another' });
    service('inside', ['10.65.0.72'], { type: 'ClusterIP' });
    service('stray', ['10.65.0.73']);
    const ipam = new Ipam(cli.backend);
    for (const [ip, handleId] of [
      ['10.65.0.70', 'lb-front'],
      ['10.65.0.71', 'lb-gone'],
    ] as const) {
      const nodeName = 'load-balancer';
      await ipam.assignIp({ ip: parseIp(ip), nodeName, handleId, attributes: { type: 'loadBalancer' } });
    }
    const text = await cli.succeed(`ipam check --show-all-ips --kubeconfig=${kubeconfig}`);
    expect(text).toContain(`Loading all service load balancer IPs.
  10.65.0.70 belongs to front
  10.65.0.73 belongs to stray
Found 2 service load balancer.
`);
    expect(text).toContain('  10.65.0.71 leaked; attrs Main:lb-gone Extra:type=loadBalancer\n');
    expect(text).not.toContain('10.65.0.70 leaked');
    expect(text).toContain('  10.65.0.73 in use by stray and in active IPAM pool but has no IPAM allocation.\n');
    expect(await cli.succeed('ipam check')).toContain('Found 2 allocated load balancer IPs.');
    api.refuses = true;
    expect(await cli.fail(`ipam check --kubeconfig=${kubeconfig}`)).toContain(
      'the services of load balancers are not known',
    );
    expect(await cli.fail('ipam check --kubeconfig=/nowhere')).toContain('/nowhere');
  });

  it('counts a block that it cannot read, or that is broken, instead of giving up', async () => {
    await cli.backend.put(`${blockPrefix(4)}10.65.1.0-26`, 'not JSON');
    const text = await cli.succeed('ipam check');
    expect(text).toMatch(/IPAMBlock \/calico\/ipam\/v2\/assignment\/ipv4\/block\/10\.65\.1\.0-26 is invalid: /);
    expect(text).toContain('Found 1 invalid IPAMBlocks.');
  });

  it('needs a cluster', async () => {
    await cli.clear();
    expect(await cli.fail('ipam check')).toBe('resource does not exist: ClusterInformation(default)\n');
  });
});

describe('ipam release --from-report', () => {
  async function report(name: string): Promise<string> {
    const file = join(cli.directory, name);
    await cli.succeed(`ipam check -o ${file}`);
    return file;
  }

  it('writes the report that Calico writes', async () => {
    await cli.succeed('datastore migrate lock');
    const json = JSON.parse(readFileSync(await report('report'), 'utf8')) as { allocations: object };
    expect(json).toMatchObject({
      version: 'v3.32.1',
      clusterGUID: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      datastoreLocked: true,
      clusterInformationRevision: expect.stringMatching(/^\d+$/) as string,
      clusterType: '',
    });
    expect(json).not.toHaveProperty('leakedHandles');
    expect(json.allocations).toEqual({
      '10.65.0.5': [
        {
          ip: '10.65.0.5',
          handle: 'net.c1',
          sequenceNumber: expect.any(Number) as number,
          pod: 'web',
          namespace: 'prod',
          node: 'n1',
          inUse: false,
          owners: null,
        },
      ],
      '10.65.0.6': [
        {
          ip: '10.65.0.6',
          handle: 'net.c2',
          sequenceNumber: expect.any(Number) as number,
          node: 'n2',
          inUse: false,
          borrowed: true,
          owners: null,
        },
      ],
      '10.65.0.8': [
        {
          ip: '10.65.0.8',
          handle: 'vxlan-tunnel-addr-n1',
          sequenceNumber: expect.any(Number) as number,
          node: 'n1',
          type: 'vxlanTunnelAddress',
          inUse: true,
          owners: ['Node(n1)'],
        },
      ],
    });
  });

  it('frees what is leaked in all reports, and leaves the rest', async () => {
    await cli.backend.put(handleKey('left-over'), '{"block":{},"deleted":false}');
    const first = await report('first');
    await cli.succeed('ipam release --ip=10.65.0.6');
    await cli.succeed('datastore migrate lock');
    const second = await report('second');
    expect(await cli.succeed(`ipam release --from-report=${first} --from-report=${second}`)).toBe(
      `Releasing 1 old IPs...
Released 1 IPs successfully
Deleting 1 handles...
Key: '.' = Deleted OK; 'x' = skip, handle missing/changed.
.
Released 1 handles; 0 skipped; 0 errors.
You may now unlock the data store.
`,
    );
    expect(await cli.succeed('ipam show --ip=10.65.0.5')).toBe('10.65.0.5 is not assigned\n');
    expect(await cli.succeed('ipam show --ip=10.65.0.8')).toContain('is in use');
    expect(await cli.backend.get(handleKey('left-over'))).toBeUndefined();
    expect(await cli.succeed(`ipam release --from-report=${second}`)).toContain(
      'Released 0 IPs successfully\n1 addresses marked as leaked in the report had already been cleaned up.\n',
    );
  });

  it('keeps an address that was given to somebody else since, and releases its neighbours', async () => {
    await cli.succeed('datastore migrate lock');
    const file = await report('stale');
    const ipam = new Ipam(cli.backend);
    await ipam.releaseIps([{ ip: parseIp('10.65.0.5') }]);
    await ipam.assignIp({ ip: parseIp('10.65.0.5'), nodeName: 'n1', handleId: 'net.new' });
    const text = await cli.succeed(`ipam release --from-report=${file}`);
    expect(text).toContain('1 addresses were given to another owner since the report and stay.');
    expect(text).toContain('Released 1 IPs successfully\n');
    expect(await cli.succeed('ipam show --ip=10.65.0.5')).toContain('Handle ID: net.new');
  });

  it('refuses reports of another cluster, of another version, that are all old, or while unlocked', async () => {
    const file = await report('guarded');
    const line = `ipam release --from-report=${file}`;
    expect(await cli.fail(line)).toBe('data store is not locked. Either lock the data store, or re-run with --force\n');
    expect(await cli.succeed(`${line} --force`)).toMatch(/^WARNING: Data store is not locked/);
    await cli.succeed('datastore migrate lock');
    expect(await cli.fail(`${line} --force`)).toContain('the provided reports are all stale');
    const fresh = JSON.parse(readFileSync(await report('fresh'), 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...fresh, version: 'v3.1.0' }));
    expect(await cli.fail(line)).toContain('produced using a different version (v3.1.0) of calicoctl');
    expect(await cli.succeed(`${line} --force`)).toMatch(/^WARNING: Report was produced using a different version/);
    writeFileSync(file, JSON.stringify({ ...fresh, clusterGUID: 'other' }));
    expect(await cli.fail(`${line} --force`)).toContain('mismatched cluster GUID. Refusing to release');
    writeFileSync(file, '{}');
    expect(await cli.fail(line)).toContain(`the report ${file} can't be read: `);
  });
});

describe('ipam split', () => {
  it('puts equal pools in place of one and leaves blocks alone', async () => {
    expect(await cli.fail('ipam split 4 --name=pool')).toContain('datastore is not locked');
    await cli.succeed('datastore migrate lock');
    const blocks = (await cli.backend.list(blockPrefix())).items;
    expect(await cli.succeed('ipam split 4 --cidr=10.65.0.0/16')).toBe(
      `IP Pool pool was successfully split into 4 smaller pools.
Created split-pool-0 with CIDR 10.65.0.0/18.
Created split-pool-1 with CIDR 10.65.64.0/18.
Created split-pool-2 with CIDR 10.65.128.0/18.
Created split-pool-3 with CIDR 10.65.192.0/18.
Please refer to the documentation for final steps.
`,
    );
    const pools = JSON.parse(await cli.succeed('get ippools -o json')) as {
      items: { metadata: { name: string; uid: string }; spec: object }[];
    };
    expect(pools.items.map(({ metadata }) => metadata.name)).toEqual(
      [0, 1, 2, 3].map((index) => `split-pool-${index}`),
    );
    expect(new Set(pools.items.map(({ metadata }) => metadata.uid)).size).toBe(4);
    expect(pools.items[3]?.spec).toMatchObject({ cidr: '10.65.192.0/18', blockSize: 26, nodeSelector: 'all()' });
    expect((await cli.backend.list(blockPrefix())).items).toEqual(blocks);
  });

  it('refuses before it changes anything', async () => {
    await cli.succeed('datastore migrate lock');
    const before = (await cli.backend.list('/calico/')).items;
    expect(await cli.fail('ipam split 3 --name=pool')).toContain(
      'error splitting the CIDR 10.65.0.0/16 into 3 CIDRs: number to split CIDR into is not a valid power of 2: 3',
    );
    expect(await cli.fail('ipam split 2048 --name=pool')).toMatch(
      /error splitting the CIDR .*: spec\.cidr: must be at least as large as one block/,
    );
    expect(await cli.fail('ipam split x --name=pool')).toContain('x is not a valid number');
    expect(await cli.fail('ipam split 2')).toContain('no name or CIDR provided');
    expect(await cli.fail('ipam split 2 --name=other')).toContain('unable to find IP pool with name other');
    expect(await cli.fail('ipam split 2 --cidr=10.66.0.0/16')).toContain('unable to find IP pool covering');
    expect((await cli.backend.list('/calico/')).items).toEqual(before);
  });

  it('completes a split that was interrupted', async () => {
    await cli.succeed('datastore migrate lock');
    const pool = (await cli.backend.list('/calico/resources/v3/projectcalico.org/ippools/')).items[0]!;
    await cli.succeed('ipam split 2 --name=pool');
    await cli.backend.put(pool.key, pool.value);
    await cli.backend.delete(`${pool.key.slice(0, -'pool'.length)}split-pool-1`);
    await cli.succeed('ipam split 2 --name=pool');
    expect(await cli.succeed('get ippools -o name')).toBe(
      'ippool.projectcalico.org/split-pool-0\nippool.projectcalico.org/split-pool-1\n',
    );
  });
});
