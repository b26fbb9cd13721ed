import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { Ipam } from '@calico-node/ipam';
import { parseIp } from '@calico-node/net';
import { bgpV1, RpcError, serveUnix, unary } from '@calico-node/rpc';
import { parse } from 'yaml';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';

let etcd: EtcdProcess;
let backend: Backend;
let runDir: string;

beforeAll(async () => {
  runDir = mkdtempSync(join(tmpdir(), 'calicoctl-'));
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: environment() }));
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
  rmSync(runDir, { recursive: true, force: true });
});

beforeEach(async () => {
  for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
});

function environment(): Record<string, string> {
  return { DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: etcd.endpoints.join(','), CALICO_RUN_DIR: runDir };
}

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function calicoctl(line: string, stdin = ''): Promise<Result> {
  const io = fakeIo({ stdin, env: environment() });
  const code = await runCalicoctl(line.split(' '), io);
  return { code, stdout: io.stdout, stderr: io.stderr };
}

/** Runs a command that must succeed; gives its output. */
async function succeed(line: string, stdin = ''): Promise<string> {
  const { code, stdout, stderr } = await calicoctl(line, stdin);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}

/** Runs a command that must fail; gives what it said on standard error. */
async function fail(line: string, stdin = ''): Promise<string> {
  const { code, stderr } = await calicoctl(line, stdin);
  expect(code).toBe(1);
  return stderr;
}

function manifest(kind: string, name: string, spec: object, metadata: object = {}): string {
  return JSON.stringify({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name, ...metadata }, spec });
}

const everyKind: readonly (readonly [string, string, object])[] = [
  ['BGPConfiguration', 'default', { asNumber: 64600, nodeToNodeMeshEnabled: true }],
  ['BGPFilter', 'some', { exportV4: [{ action: 'Reject', matchOperator: 'In', cidr: '10.0.0.0/8' }] }],
  ['BGPPeer', 'tor', { peerIP: '192.0.2.1', asNumber: 65001 }],
  ['FelixConfiguration', 'default', { logSeverityScreen: 'Debug' }],
  [
    'GlobalNetworkPolicy',
    'deny-all',
    { selector: "app == 'web' && has(x)", ingress: [{ action: 'Deny', protocol: 'TCP' }] },
  ],
  ['GlobalNetworkSet', 'nets', { nets: ['10.0.0.0/8', 'fd00::/8'] }],
  ['HostEndpoint', 'eth0', { node: 'n1', interfaceName: 'eth0' }],
  ['IPPool', 'pool', { cidr: '10.65.0.0/16', natOutgoing: true }],
  ['IPReservation', 'held', { reservedCIDRs: ['10.65.0.1'] }],
  ['KubeControllersConfiguration', 'default', {}],
  ['NetworkPolicy', 'allow', { order: 10, ingress: [{ action: 'Allow', source: { nets: ['10.0.0.0/8'] } }] }],
  ['NetworkSet', 'local', { nets: ['192.0.2.0/24'] }],
  ['Node', 'n1', { bgp: { ipv4Address: '10.0.0.1/24' } }],
  ['Profile', 'mine', { labelsToApply: { a: 'b' } }],
  ['StagedGlobalNetworkPolicy', 'staged', { selector: 'all()' }],
  ['StagedKubernetesNetworkPolicy', 'staged', { podSelector: {} }],
  ['StagedNetworkPolicy', 'staged', { selector: 'all()' }],
  ['Tier', 'security', { order: 100 }],
];

describe('each kind', () => {
  it.each(everyKind)('%s is created, read back, replaced and deleted', async (kind, name, spec) => {
    const text = manifest(kind, name, spec);
    expect(await succeed('create -f -', text)).toBe(`Successfully created 1 '${kind}' resource(s)\n`);
    const json = JSON.parse(await succeed(`get ${kind} ${name} -o json`)) as { spec: object; metadata: object };
    expect(json).toMatchObject({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec });
    expect(json.metadata).toMatchObject({
      uid: expect.any(String) as string,
      resourceVersion: expect.any(String) as string,
    });
    expect(parse(await succeed(`get ${kind} ${name} -o yaml`))).toEqual(json);
    expect(await succeed('replace -f -', await succeed(`get ${kind} ${name} -o yaml`))).toContain(
      'Successfully replaced 1',
    );
    expect(await succeed(`get ${kind.toLowerCase()}`)).toMatch(/^NAME /);
    expect(await succeed(`delete ${kind} ${name}`)).toBe(`Successfully deleted 1 '${kind}' resource(s)\n`);
    expect(await fail(`get ${kind} ${name}`)).toMatch(/^resource does not exist: /);
  });
});

describe('bad input', () => {
  it('among good documents changes nothing in the store', async () => {
    const text = `${manifest('IPPool', 'good', { cidr: '10.1.0.0/16' })}\n---\n${manifest('IPPool', 'bad', { cidr: '10.1.2.3/16' })}\n`;
    for (const verb of ['apply', 'create', 'replace', 'delete', 'validate']) {
      const message = await fail(`${verb} -f -`, text);
      expect(message).toMatch(/<stdin>:3: document 2: IPPool\(bad\): spec\.cidr: /);
    }
    expect((await backend.list('/calico/')).items).toEqual([]);
  });

  it('on the command line is an error', async () => {
    expect(await fail('get nodules')).toContain("resource type 'nodules' is not supported");
    expect(await fail('get nodes -n prod')).toContain('Node is not namespaced');
    expect(await fail('apply')).toContain('-f');
    expect(await fail('apply -f /nonexistent.yaml')).toContain('no such file');
    expect(await fail('delete node')).toContain('name must be specified');
    expect(await fail('frobnicate')).toContain('unknown command');
    expect(await fail('get nodes -o xml')).toContain('unrecognized output format');
  });
});

describe('create, apply and replace', () => {
  const pool = (cidr: string, metadata: object = {}): string =>
    manifest('IPPool', 'pool', { cidr, natOutgoing: true }, metadata);

  it('apply creates, then updates, and keeps what the store gave', async () => {
    expect(await succeed('apply -f -', pool('10.1.0.0/16'))).toBe("Successfully applied 1 'IPPool' resource(s)\n");
    const before = JSON.parse(await succeed('get pool pool -o json')) as { metadata: { uid: string } };
    await succeed(
      'apply -f -',
      manifest('IPPool', 'pool', { cidr: '10.1.0.0/16', disabled: true }, { labels: { a: 'b' } }),
    );
    const after = JSON.parse(await succeed('get pool pool -o json')) as object;
    expect(after).toMatchObject({
      metadata: { uid: before.metadata.uid, labels: { a: 'b' } },
      spec: { disabled: true },
    });
    expect(after).not.toHaveProperty('spec.natOutgoing');
  });

  it('say what was not done', async () => {
    await succeed('create -f -', pool('10.1.0.0/16'));
    expect(await fail('create -f -', pool('10.1.0.0/16'))).toBe(
      "failed to create 'IPPool' resource: [resource already exists: IPPool(pool) (<stdin>:1: document 1)]\n",
    );
    expect(await succeed('create --skip-exists -f -', pool('10.1.0.0/16'))).toContain('Successfully created 1');
    expect(await fail('replace -f -', manifest('Node', 'n9', {}))).toBe(
      "failed to replace 'Node' resource: [resource does not exist: Node(n9) (<stdin>:1: document 1)]\n",
    );
    const { code, stdout, stderr } = await calicoctl(
      'create -f -',
      `${manifest('Node', 'n1', {})}\n---\n${pool('10.1.0.0/16')}`,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'Partial success: created the first 1 out of 2 resources:\n' });
    expect(stderr).toBe('hit error: [resource already exists: IPPool(pool) (<stdin>:3: document 2)]\n');
  });

  it('refuse an outdated revision', async () => {
    await succeed('create -f -', pool('10.1.0.0/16'));
    const old = await succeed('get pool pool -o yaml');
    await succeed('apply -f -', old);
    expect(await fail('apply -f -', old)).toMatch(
      /resource version '\d+' is out of date \(latest: \d+\)\. Update the resource YAML\/JSON/,
    );
  });

  it('leave the cluster information and Kubernetes policies alone', async () => {
    expect(await fail('apply -f -', manifest('ClusterInformation', 'default', {}))).toContain(
      'operation Apply is not supported on ClusterInformation(default)',
    );
    expect(await fail('create -f -', manifest('NetworkPolicy', 'knp.default.x', {}))).toContain(
      'through the kubernetes API',
    );
  });

  it('take lists and several documents, and count them', async () => {
    const list = JSON.stringify({
      apiVersion: 'projectcalico.org/v3',
      kind: 'NodeList',
      items: ['a', 'b'].map((name) => JSON.parse(manifest('Node', name, {})) as object),
    });
    expect(await succeed('apply -f -', list)).toBe("Successfully applied 2 'Node' resource(s)\n");
    expect(await succeed('apply -f -', `${list}\n---\n${pool('10.1.0.0/16')}`)).toBe(
      'Successfully applied 3 resource(s)\n',
    );
    expect(await succeed('delete -f -', list)).toBe("Successfully deleted 2 'Node' resource(s)\n");
    expect(await fail('delete -f -', list)).toContain(
      "failed to delete any 'Node' resources: [resource does not exist: Node(a)",
    );
    expect(await succeed('delete --skip-not-exists -f -', list)).toContain('Successfully deleted 2');
  });
});

describe('namespaces', () => {
  it('select, and show, where resources are', async () => {
    for (const namespace of ['dev', 'prod'])
      await succeed(`apply -n ${namespace} -f -`, manifest('NetworkPolicy', 'p', {}));
    expect(await succeed('get np')).toBe('NAME   TIER   \n\n');
    expect(await succeed('get np -n dev')).toBe('NAMESPACE   NAME   TIER      \ndev         p      default   \n\n');
    expect(await succeed('get networkPolicies -a')).toBe(
      'NAMESPACE   NAME   TIER      \ndev         p      default   \nprod        p      default   \n\n',
    );
    expect(await succeed('get np p -n dev --export -o yaml')).not.toMatch(
      /namespace|uid|resourceVersion|creationTimestamp/,
    );
    await succeed('delete np p -n prod');
    expect(await succeed('get np -A -o name')).toBe('networkpolicy.projectcalico.org/p\n');
  });
});

describe('patch and label', () => {
  it('change what they name and nothing else', async () => {
    await succeed('create -f -', manifest('Node', 'n1', { bgp: { ipv4Address: '10.0.0.1/24', asNumber: 64600 } }));
    const patched = { spec: { bgp: { routeReflectorClusterID: '244.0.0.1', asNumber: null } } };
    expect(await succeed(`patch node n1 --patch=${JSON.stringify(patched)}`)).toBe(
      "Successfully patched 1 'Node' resource\n",
    );
    expect(await succeed('label node n1 rack=a')).toBe('Successfully set label rack on Node n1\n');
    expect(await fail('label node n1 rack=b')).toContain('--overwrite');
    expect(await succeed('label node n1 rack=b --overwrite')).toBe('Successfully updated label rack on Node n1\n');
    await succeed('label node n1 other=x');
    expect(await succeed('label node n1 other --remove')).toBe('Successfully removed label other from Node n1\n');
    const node = JSON.parse(await succeed('get node n1 -o json')) as { spec: { bgp: object } };
    expect(node).toMatchObject({ metadata: { labels: { rack: 'b' } } });
    expect(node.spec.bgp).toEqual({ ipv4Address: '10.0.0.1/24', routeReflectorClusterID: '244.0.0.1' });
  });

  it('refuse a result that breaks a rule', async () => {
    await succeed('create -f -', manifest('Node', 'n1', {}));
    expect(await fail('patch node n1 -p {"spec":{"bgq":{}}}')).toMatch(/^failed to patch 'Node' resource: spec\.bgq/);
    expect(await fail('patch node n1 -p [1]')).toContain('must be an object');
  });
});

describe('the version check', () => {
  it('keeps commands from a cluster of another release, unless told otherwise', async () => {
    await new Resources(backend).ensureInitialized({ calicoVersion: 'v3.20.0', clusterType: 'bgp' });
    expect(await fail('get nodes')).toBe(
      'version mismatch.\nClient Version:   v3.32.1\nCluster Version:  v3.20.0\nUse --allow-version-mismatch to override\n',
    );
    await succeed('--allow-version-mismatch get nodes');
    await succeed('get nodes --allow-version-mismatch');
    const version = await succeed('version');
    expect(version).toMatch(/^Client Version: {4}v3\.32\.1\n/);
    expect(version).toMatch(/Cluster Version: {3}v3\.20\.0\nCluster Type: {6}bgp\n$/);
    expect(await succeed('version --client')).not.toContain('Cluster');
    expect(await succeed('version --poll 0')).toBe(version);
  });
});

describe('the configuration file', () => {
  it('must be readable when it is named', async () => {
    expect(await fail('get nodes -c /nonexistent.cfg')).toBe('Error reading config file: /nonexistent.cfg\n');
  });
});

describe('delete of a pool', () => {
  it('takes its blocks from their nodes', async () => {
    await succeed('create -f -', manifest('IPPool', 'pool', { cidr: '10.65.0.0/16' }));
    const ipam = new Ipam(backend);
    await ipam.assignIp({ ip: parseIp('10.65.0.6'), nodeName: 'n2' });
    expect(await succeed('delete ippool pool')).toContain('Successfully deleted 1');
    expect(await succeed('get ippools')).toBe('NAME   CIDR   SELECTOR   \n\n');
    expect((await backend.list('/calico/ipam/v2/host/')).items).toEqual([]);
  });
});

describe('node status', () => {
  const unused = unary(() => {
    throw new RpcError('UNIMPLEMENTED', 'not needed here');
  });

  it('asks the BGP daemon, and says when nothing runs', async () => {
    expect(await fail('node status')).toBe('Calico process is not running.\n');
    const peers = [
      { address: '10.0.0.2', type: bgpV1.PeerType.NODE_MESH, state: bgpV1.SessionState.ESTABLISHED },
      {
        address: '10.0.0.3',
        type: bgpV1.PeerType.GLOBAL,
        state: bgpV1.SessionState.IDLE,
        lastError: 'Received: Cease',
      },
    ].map((peer) =>
      bgpV1.Peer.fromPartial({ ...peer, sinceUnixMillis: BigInt(new Date(2026, 0, 2, 8, 0, 0).getTime()) }),
    );
    await using _server = await serveUnix(join(runDir, 'bgp.sock'), [
      [
        bgpV1.BgpServiceService,
        {
          applyConfig: unused,
          getConfig: unused,
          listPeers: unary(() => ({ peers })),
          listRoutes: unused,
          getStatus: unused,
        },
      ],
    ]);
    expect(await succeed('node status')).toBe(`Calico process is running.

IPv4 BGP status
+--------------+-------------------+-------+----------+----------------------+
| PEER ADDRESS |     PEER TYPE     | STATE |  SINCE   |         INFO         |
+--------------+-------------------+-------+----------+----------------------+
| 10.0.0.2     | node-to-node mesh | up    | 08:00:00 | Established          |
| 10.0.0.3     | global            | start | 08:00:00 | Idle Received: Cease |
+--------------+-------------------+-------+----------+----------------------+

IPv6 BGP status
No IPv6 peers found.

`);
  });

  it('is for root', async () => {
    const io = fakeIo({ isRoot: false });
    expect(await runCalicoctl(['node', 'status'], io)).toBe(1);
    expect(io.stderr).toContain('Operation not permitted');
  });
});
