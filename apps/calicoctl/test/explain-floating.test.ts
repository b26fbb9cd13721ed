import { felixV1, unary } from '@calico-node/rpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { manifest, startCli, type Cli } from './cli.ts';
import { serveFelix } from './support/fake-felix.ts';

let cli: Cli;

beforeAll(async () => {
  cli = await startCli();
  const spec = {
    ...{ node: 'n2', orchestrator: 'k8s', pod: 'db', endpoint: 'eth0', interfaceName: 'cali1' },
    ipNetworks: ['10.65.0.2/32'],
    ipNATs: [{ internalIP: '10.65.0.2', externalIP: '203.0.113.7' }],
  };
  const labels = { 'projectcalico.org/namespace': 'prod', 'projectcalico.org/orchestrator': 'k8s' };
  const endpoint = manifest('WorkloadEndpoint', 'n2-k8s-db-eth0', spec, { namespace: 'prod', labels });
  await cli.succeed('create -f -', endpoint);
});

afterAll(async () => {
  await cli[Symbol.asyncDispose]();
});

/** Knows the workload by its own address. */
function felix() {
  return serveFelix(cli.directory, {
    explainFlow: unary(({ to, sentTo }: felixV1.ExplainFlowRequest) =>
      felixV1.ExplainFlowResponse.fromPartial({
        ...{ allowed: true, source: '10.65.0.1', destination: to, sentTo },
        to: to === '10.65.0.2' ? { type: 'workload', name: 'prod/db', node: 'n2' } : { type: 'outside' },
      }),
    ),
  });
}

it("finds whose floating address of another node it is, and asks for the workload's own", async () => {
  await using _felix = await felix();
  const text = await cli.succeed('explain flow --from 10.65.0.1 --to 203.0.113.7 --port 80');
  expect(text).toContain('10.65.0.1 -> 10.65.0.2 (sent to the floating address 203.0.113.7), TCP port 80');
  expect(text).toContain('To:       workload endpoint prod/db on n2');
  expect(text).toContain('Note:     the address is translated on n2, where its Felix has FloatingIPs enabled');
});

it('leaves what nobody has outside', async () => {
  await using _felix = await felix();
  const text = await cli.succeed('explain flow --from 10.65.0.1 --to 203.0.113.8 --port 80');
  expect(text).toContain('To:       outside');
  expect(text).not.toContain('Note:');
});

it('explains all the same where the store does not answer', async () => {
  await using _felix = await felix();
  const args = ['explain', 'flow', '--from', '10.65.0.1', '--to', '203.0.113.7', '--port', '80', '-c', '/nonexistent'];
  const { code, stdout } = await cli.run(args);
  expect(code).toBe(0);
  expect(stdout).toContain('Note:     whether 203.0.113.7 is a floating address of another node is not known: ');
});
