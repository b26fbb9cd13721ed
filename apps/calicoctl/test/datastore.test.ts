import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ipam } from '@calico-node/ipam';
import { parseIp } from '@calico-node/net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { manifest, startCli, type Cli } from './cli.ts';

let source: Cli;
let target: Cli;

beforeAll(async () => {
  [source, target] = await Promise.all([startCli(), startCli()]);
});

afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

beforeEach(async () => {
  await Promise.all([source.clear(), target.clear()]);
});

function node(name: string, kubernetesName?: string): string {
  const orchRefs = kubernetesName === undefined ? undefined : [{ nodeName: kubernetesName, orchestrator: 'k8s' }];
  return manifest('Node', name, { bgp: { ipv4Address: '10.0.0.1/24' }, orchRefs });
}

async function fill(cli: Cli, kubernetesName?: string): Promise<void> {
  const documents = [
    manifest('IPPool', 'pool', { cidr: '10.65.0.0/16', natOutgoing: true }),
    manifest('Tier', 'security', { order: 100 }),
    manifest('GlobalNetworkPolicy', 'deny', { selector: "app == 'a' && has(b)", tier: 'security' }),
    manifest('NetworkPolicy', 'allow', { ingress: [{ action: 'Allow' }] }, { namespace: 'prod' }),
    manifest('StagedNetworkPolicy', 'later', { selector: 'all()' }, { namespace: 'prod' }),
    node('n1', kubernetesName),
    manifest('FelixConfiguration', 'node.n1', { defaultEndpointToHostAction: 'Return' }),
    manifest('BGPConfiguration', 'node.n1', { logSeverityScreen: 'Debug' }),
    manifest('HostEndpoint', 'eth0', { node: 'n1', interfaceName: 'eth0' }),
  ];
  await cli.succeed('create -f -', documents.join('\n---\n'));
  const ipam = new Ipam(cli.backend);
  await ipam.assignIp({
    ip: parseIp('10.65.0.5'),
    nodeName: 'n1',
    handleId: 'ipip-tunnel-addr-n1',
    attributes: { node: 'n1', type: 'ipipTunnelAddress' },
  });
  await cli.succeed('ipam configure --strictaffinity=true');
}

describe('datastore migrate lock and unlock', () => {
  it('set whether nodes may act', async () => {
    expect(await source.fail('datastore migrate lock')).toMatch(
      /^error locking the datastore: resource does not exist/,
    );
    await source.succeed('create -f -', node('n1'));
    expect(await source.succeed('datastore migrate lock')).toBe('Datastore locked.\n');
    expect(await source.succeed('get clusterinfo -o json')).toContain('"datastoreReady": false');
    expect(await source.succeed('datastore migrate unlock')).toBe('Datastore unlocked.\n');
    expect(await source.succeed('get clusterinfo -o json')).toContain('"datastoreReady": true');
  });
});

describe('datastore migrate export', () => {
  it('needs a locked datastore', async () => {
    await fill(source, 'k1');
    expect(await source.fail('datastore migrate export')).toBe(
      'datastore is not locked. Run the `calicoctl datastore migrate lock` command in order to begin migration\n',
    );
  });

  it('prints resources, cluster and IPAM, under the names that nodes have in Kubernetes', async () => {
    await fill(source, 'k1');
    await source.succeed('create -f -', manifest('BGPFilter', 'f', {}));
    const policies = '/calico/resources/v3/projectcalico.org/networkpolicies/';
    const stored = (await source.backend.list(policies)).items[0]!;
    await source.backend.put(`${policies}prod/knp.default.x`, stored.value.replaceAll('allow', 'knp.default.x'));
    await source.succeed('datastore migrate lock');
    const text = await source.succeed('datastore migrate export');
    const [resources = '', cluster = '', ipam = ''] = text.split('===\n');
    const lists = resources.split('---\n');
    expect(lists.map((list) => /^kind: (\w+)List$/m.exec(list)?.[1])).toEqual([
      'IPPool',
      'BGPPeer',
      'Tier',
      'GlobalNetworkPolicy',
      'StagedGlobalNetworkPolicy',
      'GlobalNetworkSet',
      'HostEndpoint',
      'KubeControllersConfiguration',
      'NetworkPolicy',
      'StagedNetworkPolicy',
      'StagedKubernetesNetworkPolicy',
      'NetworkSet',
      'Node',
      'BGPConfiguration',
      'FelixConfiguration',
      'IPReservation',
      'BGPFilter',
      undefined,
    ]);
    expect(resources).not.toMatch(/uid:|creationTimestamp|knp\.default/);
    expect(lists[12]).toContain('    name: k1\n');
    expect(lists[13]).toContain('    name: node.k1\n');
    expect(lists[14]).toContain('    name: node.k1\n');
    expect(JSON.parse(cluster)).toMatchObject({ kind: 'ClusterInformation', spec: { datastoreReady: false } });
    expect(JSON.parse(ipam)).toMatchObject({
      block_affinities: [
        {
          Key: '/calico/ipam/v2/host/k1/ipv4/block/10.65.0.0-26',
          Value: { state: 'confirmed', deleted: false },
          TTL: 0,
        },
      ],
      blocks: [
        {
          Key: '/calico/ipam/v2/assignment/ipv4/block/10.65.0.0-26',
          Value: {
            affinity: 'host:k1',
            attributes: [{ handle_id: 'ipip-tunnel-addr-k1', secondary: { node: 'k1', type: 'ipipTunnelAddress' } }],
          },
        },
      ],
      handles: [{ Key: '/calico/ipam/v2/handle/ipip-tunnel-addr-k1', Value: { block: { '10.65.0.0/26': 1 } } }],
      config: { Key: '/calico/ipam/v2/config', Value: { strict_affinity: true } },
    });
  });

  it('refuses a node that Kubernetes does not know, unless names are kept', async () => {
    await fill(source);
    await source.succeed('datastore migrate lock');
    expect(await source.fail('datastore migrate export')).toContain("node n1 missing a 'k8s' orchestrator reference");
    expect(await source.succeed('datastore migrate export --keep-node-names')).toContain('    name: node.n1\n');
  });
});

describe('datastore migrate import', () => {
  async function exported(): Promise<string> {
    await fill(source);
    await source.succeed('datastore migrate lock');
    return source.succeed('datastore migrate export --keep-node-names');
  }

  it('restores an export into an empty datastore, locked, so that exporting it gives the same', async () => {
    const text = await exported();
    const file = join(target.directory, 'export.yaml');
    writeFileSync(file, text);
    expect(await target.succeed(`datastore migrate import -f ${file}`)).toBe(
      `Successfully applied 12 resource(s)
Importing IPAM resources
Successfully applied 4 IPAM resource(s)
Datastore information successfully imported. Please refer to the datastore migration documentation for next steps.
The datastore is locked: run \`calicoctl datastore migrate unlock\` when its nodes may begin.
`,
    );
    const stable = (export_: string): string =>
      export_.replaceAll(/resourceVersion: .*|"(?:uid|resourceVersion|creationTimestamp)": .*/g, '');
    expect(stable(await target.succeed('datastore migrate export --keep-node-names'))).toBe(stable(text));
    const ipam = async (cli: Cli): Promise<unknown> =>
      (await cli.backend.list('/calico/ipam/')).items.map(({ key, value }) => [key, value]);
    expect(await ipam(target)).toEqual(await ipam(source));
    await target.succeed('datastore migrate unlock');
    expect(await target.succeed('ipam show --ip=10.65.0.5')).toContain('ipip-tunnel-addr-n1');
  });

  it('refuses a datastore that holds anything', async () => {
    const text = await exported();
    await target.succeed('create -f -', node('other'));
    expect(await target.fail('datastore migrate import -f -', text)).toMatch(
      /^datastore already has Calico resources: found existing Calico ClusterInformation resource default\. /,
    );
    await target.clear();
    await target.backend.put('/calico/ipam/v2/handle/x', '{}');
    expect(await target.fail('datastore migrate import -f -', text)).toContain('key /calico/ipam/v2/handle/x');
  });

  it('refuses a file with any problem whole', async () => {
    const text = await exported();
    const bad = async (changed: string): Promise<string> => {
      const message = await target.fail('datastore migrate import -f -', changed);
      expect((await target.backend.list('/calico/')).items).toEqual([]);
      return message;
    };
    expect(await bad('kind: Node\n')).toContain('improperly formatted');
    expect(await bad(text.replace('10.65.0.0/16', '10.65.0.1/16'))).toMatch(/<stdin>:\d+: spec\.cidr: /);
    expect(await bad(text.replace('"affinity": "host:n1"', '"affinity": 5'))).toContain('nothing was changed');
    expect(await bad(text.replace('"Key": "/calico/ipam/v2/config"', '"Key": "/other"'))).toContain(
      '/other is not the key',
    );
    expect(await target.fail('datastore migrate import -f /nonexistent')).toContain(
      'error while reading migration file',
    );
  });
});

describe('datastore migrate-policy-names', () => {
  it('stores policies of older releases under their own names, once', async () => {
    const global = '/calico/resources/v3/projectcalico.org/globalnetworkpolicies/';
    await source.succeed(
      'create -f -',
      [manifest('GlobalNetworkPolicy', 'new', {}), manifest('NetworkPolicy', 'ns', {}, { namespace: 'prod' })].join(
        '\n---\n',
      ),
    );
    const value = (await source.backend.get(`${global}new`))?.value ?? '';
    await source.backend.put(`${global}default.old`, value.replaceAll('new', 'old'));
    expect(await source.succeed('datastore migrate-policy-names')).toBe(
      'Policy name migration complete, migrated 1 policies.\n',
    );
    expect((await source.backend.list(global)).items.map(({ key }) => key)).toEqual([`${global}new`, `${global}old`]);
    expect(await source.succeed('get gnp old')).toContain('old');
    expect(await source.succeed('datastore migrate-policy-names')).toContain('migrated 0 policies');
  });
});
