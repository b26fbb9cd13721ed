import { Ipam } from '@calico-node/ipam';
import { parseIp } from '@calico-node/net';
import { felixV1, RpcError, unary } from '@calico-node/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { manifest, startCli, type Cli } from './cli.ts';
import { serveFelix } from './support/fake-felix.ts';

let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
  const documents = [
    manifest('IPPool', 'pool', { cidr: '10.65.0.0/16' }),
    manifest('Node', 'n1', {}),
    manifest('Node', 'n2', {}),
  ];
  await cli.succeed('create -f -', documents.join('\n---\n'));
  const ipam = new Ipam(cli.backend);
  const assign = (ip: string, nodeName: string, pod: string) =>
    ipam.assignIp({
      ip: parseIp(ip),
      nodeName,
      handleId: pod,
      attributes: { node: nodeName, pod, namespace: 'prod' },
    });
  await assign('10.65.0.5', 'n1', 'web');
  await assign('10.65.0.6', 'n2', 'db');
});

afterAll(async () => {
  await cli[Symbol.asyncDispose]();
});

function felix() {
  const nextHops = [{ gateway: '', interfaceName: 'cali1', onlink: false, interfaceKind: 'veth', remote: '' }];
  return serveFelix(cli.directory, {
    explainFlow: unary(({ to }: felixV1.ExplainFlowRequest) => {
      if (to !== 'prod/web') throw new RpcError('NOT_FOUND', `no endpoint or node is called "${to}"`);
      return felixV1.ExplainFlowResponse.fromPartial({ destination: '10.65.0.5' });
    }),
    lookUpRoute: unary(({ address }: felixV1.LookUpRouteRequest) => {
      const destination = `${address}/32`;
      const entry = { destination, type: 'unicast', protocol: 3, table: 254, metric: 1024, source: '', nextHops };
      return { entry, answer: entry };
    }),
  });
}

it('says which objects are behind an address, with their revisions, and what is borrowed', async () => {
  await using _felix = await felix();
  const own = await cli.succeed('explain route 10.65.0.5');
  expect(await cli.succeed('explain route prod/web')).toBe(own);
  expect(own).toMatch(/^Why: +a workload of this node is behind cali1$/m);
  expect(own).toMatch(/^Pool: +pool 10\.65\.0\.0\/16, no encapsulation \(revision \d+\)$/m);
  expect(own).toMatch(/^Block: +10\.65\.0\.0\/26 of n1 \(revision \d+\)$/m);
  expect(own).toMatch(/^Given to: +workload prod\/web on n1$/m);
  expect(own).toMatch(/^Node: +n1 \(revision \d+\)$/m);
  expect(await cli.succeed('explain route 10.65.0.6')).toMatch(/^Given to: +workload prod\/db on n2, borrowed$/m);
  expect(await cli.succeed('explain route 10.65.0.0/26')).toMatch(/^Given to: +nobody$/m);
  expect(await cli.succeed('explain route 192.0.2.1')).toMatch(/^Pool: +none$/m);
});

it('refuses what nobody is called, and says that Felix does not run', async () => {
  const running = await felix();
  expect(await cli.fail('explain route here')).toContain('no endpoint or node is called "here"');
  await running[Symbol.asyncDispose]();
  expect(await cli.fail('explain route 10.65.0.5')).toContain('Felix is not running');
});
