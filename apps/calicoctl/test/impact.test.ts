import { felixV1, unary } from '@calico-node/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { manifest, startCli, type Cli } from './cli.ts';
import { serveFelix } from './support/fake-felix.ts';

let cli: Cli;

const endpoint = (name: string, ip: string, labels: Record<string, string>): string =>
  manifest(
    'WorkloadEndpoint',
    `n1-k8s-${name}-eth0`,
    {
      node: 'n1',
      orchestrator: 'k8s',
      pod: name,
      endpoint: 'eth0',
      interfaceName: `cali${name}`,
      ipNetworks: [`${ip}/32`],
      profiles: ['projectcalico-default-allow'],
    },
    {
      namespace: 'prod',
      labels: { ...labels, 'projectcalico.org/namespace': 'prod', 'projectcalico.org/orchestrator': 'k8s' },
    },
  );

const policy = (ports: number[]): string =>
  manifest('GlobalNetworkPolicy', 'to-db', {
    selector: "app == 'db'",
    ingress: [{ action: 'Allow', protocol: 'TCP', source: { selector: "app == 'web'" }, destination: { ports } }],
  });

beforeAll(async () => {
  cli = await startCli();
  const documents = [
    endpoint('web1', '10.65.0.1', { app: 'web' }),
    endpoint('web2', '10.65.0.2', { app: 'web' }),
    endpoint('db', '10.65.0.9', { app: 'db' }),
    policy([80, 443]),
  ];
  await cli.succeed('create -f -', documents.join('\n---\n'));
});

afterAll(async () => {
  await cli[Symbol.asyncDispose]();
});

const connection = (more: Partial<felixV1.Connection>): felixV1.Connection =>
  felixV1.Connection.fromPartial({
    protocol: 6,
    source: '10.65.0.1',
    destination: '10.65.0.9',
    sourcePort: 40000,
    destinationPort: 443,
    ...more,
  });

it('tells the pairs and the live connections whose verdicts would change, and writes nothing', async () => {
  await using _felix = await serveFelix(cli.directory, {
    listConnections: unary(() => ({
      node: 'n1',
      connections: [
        connection({}),
        connection({ destinationPort: 80 }),
        connection({ source: '192.0.2.7', destination: '192.0.2.8' }),
        connection({ protocol: 1, sourcePort: 0, destinationPort: 0, icmpType: 8 }),
      ],
      leftOff: 0,
    })),
  });
  const before = await cli.succeed('get gnp to-db -o yaml');
  const text = await cli.succeed('apply -f - --dry-run --impact', policy([80, 5432]));
  expect(text.slice(text.indexOf('Dry run'))).toBe(`Dry run: 1 to change; nothing was written
Impact: 2 pairs would have other verdicts
  prod/web1, prod/web2 -> prod/db (2 pairs)
    TCP 443: ALLOW -> DENY  (end of tier default, ingress)
    TCP 5432: DENY -> ALLOW  (end of tier default, ingress)
Live connections on n1: 1 of 4 would have another verdict if begun anew
  TCP 10.65.0.1 port 40000 (prod/web1) -> 10.65.0.9 port 443 (prod/db): ALLOW -> DENY  (end of tier default, ingress)
`);
  expect(await cli.succeed('get gnp to-db -o yaml')).toBe(before);
});

it('says when nothing changes, and what was not looked at', async () => {
  const staged = manifest('StagedGlobalNetworkPolicy', 's', { ingress: [{ action: 'Deny' }] });
  const text = await cli.succeed('apply -f - --dry-run --impact', staged);
  expect(text).toContain('Impact: no pair of endpoints has another verdict\n');
  expect(text).toContain('Staged policies are not enforced');
  expect(text).toContain('Live connections: not looked at. Felix is not running on this node');
});

it('takes new sets, tiers and endpoints’ labels into account', async () => {
  const documents = [
    manifest('Tier', 'first', { order: 1 }),
    manifest('GlobalNetworkSet', 'bad', { nets: ['10.65.0.2/32', '203.0.113.0/24'] }, { labels: { bad: '' } }),
    manifest('GlobalNetworkPolicy', 'first.no-bad', {
      tier: 'first',
      selector: "app == 'db'",
      ingress: [{ action: 'Deny', source: { selector: 'has(bad)' } }, { action: 'Pass' }],
    }),
  ];
  const text = await cli.succeed('apply -f - --dry-run --impact', documents.join('\n---\n'));
  expect(text).toContain(`Impact: 1 pair would have other verdicts
  prod/web2 -> prod/db (1 pair)
    TCP 80, 443: ALLOW -> DENY  (GlobalNetworkPolicy first.no-bad, ingress[0])
`);
});

it('tells what endpoints of the file would be allowed, and what ends with those that are deleted', async () => {
  const documents = [
    endpoint('web3', '10.65.0.3', { app: 'web' }),
    manifest('HostEndpoint', 'n9', { node: 'n9', interfaceName: 'eth0', expectedIPs: ['172.16.0.9'] }),
  ];
  const text = await cli.succeed('apply -f - --dry-run --impact', documents.join('\n---\n'));
  expect(text).toMatch(
    /^Impact: \d+ pairs would have other verdicts, \d+ pairs would be allowed with endpoints that come$/m,
  );
  expect(text).toContain('    TCP 80, 443: new, ALLOW  (GlobalNetworkPolicy to-db, ingress[0])\n');
  expect(text).toMatch(/-> host n9 .*\n    TCP 0-21, .*: ALLOW -> DENY  \(no profile allows it, ingress\)/);
  await using _felix = await serveFelix(cli.directory, {
    listConnections: unary(() => ({ node: 'n1', connections: [connection({})], leftOff: 0 })),
  });
  const gone = await cli.succeed('delete wep n1-k8s-web1-eth0 -n prod --dry-run --impact');
  expect(gone).toMatch(/^Impact: \d+ pairs would end with endpoints that go$/m);
  expect(gone).toContain('(prod/db): ALLOW -> the endpoint is gone\n');
  expect(await cli.succeed('get wep -n prod')).toContain('web1');
});

it('tells the same to programs, and the rest aside', async () => {
  await using _felix = await serveFelix(cli.directory, {
    listConnections: unary(() => ({ node: 'n1', connections: [connection({})], leftOff: 0 })),
  });
  const args = ['apply', '-f', '-', '--dry-run', '--impact', '-o', 'json'];
  const { code, stdout, stderr } = await cli.run(args, policy([80, 5432]));
  expect(code).toBe(0);
  expect(stderr).toContain('Dry run: 1 to change; nothing was written\n');
  const because = 'end of tier default, ingress';
  expect(JSON.parse(stdout)).toEqual({
    pairs: 2,
    unexamined: 0,
    hasStaged: false,
    groups: [
      {
        from: ['prod/web1', 'prod/web2'],
        to: ['prod/db'],
        pairs: 2,
        changes: [
          { traffic: 'TCP 443', before: 'allow', after: 'deny', because },
          { traffic: 'TCP 5432', before: 'deny', after: 'allow', because },
        ],
      },
    ],
    connections: {
      node: 'n1',
      total: 1,
      leftOff: 0,
      changed: [
        {
          connection: expect.objectContaining({ source: '10.65.0.1', destinationPort: 443 }) as unknown,
          from: 'prod/web1',
          to: 'prod/db',
          before: 'allow',
          after: 'deny',
          because,
        },
      ],
    },
  });
});

it('tells programs why it did not look at connections', async () => {
  const { stdout } = await cli.run(['delete', 'gnp', 'to-db', '--dry-run', '--impact', '-o', 'yaml']);
  expect(stdout).toMatch(/^connections:\n {2}unknown: 'Felix is not running on this node/m);
});

it('knows what the nodes do with what their workloads send them', async () => {
  const closed = manifest('GlobalNetworkPolicy', 'closed', {
    selector: "app == 'web'",
    types: ['Egress'],
    egress: [{ action: 'Deny', protocol: 'TCP', destination: { ports: [9000] } }, { action: 'Allow' }],
  });
  const host = manifest('HostEndpoint', 'h', { node: 'n1', interfaceName: 'eth0', expectedIPs: ['172.16.0.1'] });
  await cli.succeed('create -f -', host);
  const impact = (): Promise<string> => cli.succeed('apply --dry-run --impact -f -', closed);
  // By default a node drops what its workloads send it.
  expect(await impact()).not.toContain('host h');
  const felix = manifest('FelixConfiguration', 'node.n1', { defaultEndpointToHostAction: 'Return' });
  await cli.succeed('create -f -', felix);
  expect(await impact()).toMatch(/prod\/web1, prod\/web2 -> .*host h.*\n +TCP 9000: ALLOW -> DENY/);
  const felixOfAll = manifest('FelixConfiguration', 'default', { failsafeInboundHostPorts: [] });
  const opened = await cli.succeed('apply --dry-run --impact -f -', felixOfAll);
  expect(opened).toMatch(/-> host h .*\n +TCP 22, 179, .*: ALLOW -> DENY/);
  await cli.succeed('delete hostendpoint h');
  await cli.succeed('delete felixconfiguration node.n1');
});

it('is for dry runs alone', async () => {
  expect(await cli.fail('apply -f - --dry-run -o json', policy([80]))).toContain('--output needs --impact');
  expect(await cli.fail('apply -f - --impact', policy([80]))).toContain('--impact needs --dry-run');
});
