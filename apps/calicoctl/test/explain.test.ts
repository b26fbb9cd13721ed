import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { felixV1, RpcError, unary } from '@calico-node/rpc';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';
import { serveFelix } from './support/fake-felix.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calicoctl-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function calicoctl(...args: string[]) {
  const io = fakeIo({ isRoot: false, env: { CALICO_RUN_DIR: directory } });
  const code = await runCalicoctl(args, io);
  return { code, stdout: io.stdout, stderr: io.stderr };
}

const endpoint: felixV1.Endpoint = {
  id: { orchestratorId: 'k8s', workloadId: 'default/a', endpointId: 'eth0' },
  interfaceName: 'calia',
  addresses: ['10.0.0.1/32'],
  state: felixV1.EndpointState.UP,
  reason: '',
  policies: ['gnp/to-a'],
  profiles: [],
};

/** A Felix that knows endpoint `a`, and answers every flow from it with a verdict and no steps. */
function felix() {
  return serveFelix(directory, {
    verifyFlow: unary(({ flow }: felixV1.VerifyFlowRequest) =>
      felixV1.VerifyFlowResponse.fromPartial({
        kernel: 'allow',
        expected: flow?.destinationPort === 80 ? 'allow' : 'deny',
        half: 'whole',
      }),
    ),
    explainEndpoint: unary(({ name }: felixV1.ExplainEndpointRequest) => {
      if (name !== 'a') throw new RpcError('NOT_FOUND', `no workload endpoint of this node is called "${name}"`);
      return felixV1.ExplainEndpointResponse.fromPartial({ endpoint, revision: 7n });
    }),
    explainFlow: unary(({ from, destinationPort }: felixV1.ExplainFlowRequest) => {
      if (from !== 'a') throw new RpcError('NOT_FOUND', `no workload endpoint is called "${from}"`);
      return felixV1.ExplainFlowResponse.fromPartial({
        allowed: destinationPort === 80,
        source: '10.0.0.1',
        destination: '10.0.0.2',
        revision: 3n,
      });
    }),
  });
}

it('prints the verdict of this node’s Felix', async () => {
  await using _server = await felix();
  const flow = ['explain', 'flow', '--from', 'a', '--to', '10.0.0.2', '--port'];
  expect(await calicoctl(...flow, '80')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Verdict:  ALLOW') as string,
  });
  expect((await calicoctl(...flow, '81')).stdout).toContain('Verdict:  DENY');
  expect(await calicoctl(...flow, '80', '--verify')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Kernel:   ALLOW, as policy says') as string,
  });
  expect(await calicoctl(...flow, '81', '--verify')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('Kernel:   ALLOW, but policy says DENY') as string,
    stderr: expect.stringContaining('the kernel does not do what policy says') as string,
  });
});

it('prints answers for programs', async () => {
  await using _server = await felix();
  const flow = ['explain', 'flow', '--from', 'a:4000', '--to', '[fd00::2]:80', '--protocol', 'udp', '-o'];
  const { code, stdout } = await calicoctl(...flow, 'json', '--verify');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    flow: { from: 'a', sourcePort: 4000, to: 'fd00::2', destinationPort: 80, protocol: 17 },
    explanation: { allowed: true, revision: '3' },
    verification: { kernel: 'allow', agrees: true },
  });
  expect((await calicoctl(...flow, 'yaml')).stdout).toContain('  revision: "3"\n');
  expect((await calicoctl('explain', 'endpoint', 'a', '-o', 'json')).stdout).toContain('"state": "up"');
  expect((await calicoctl(...flow, 'xml')).stderr).toContain('xml');
});

it('prints what applies to an endpoint', async () => {
  await using _server = await felix();
  const { stdout } = await calicoctl('explain', 'endpoint', 'a');
  expect(stdout).toContain('Endpoint:   default/a eth0 (k8s, revision 7)\nInterface:  calia\n');
  expect(await calicoctl('explain', 'endpoint', 'b')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('"b"') as string,
  });
});

it('says what is wrong with a question', async () => {
  const refusal = async (...args: string[]) => (await calicoctl('explain', 'flow', '--to', 'b', ...args)).stderr;
  expect(await refusal('--from', 'a')).toContain('--port is missing');
  expect(await refusal('--from', 'a', '--port', '99999')).toContain('--port: 99999');
  expect(await refusal('--from', 'a', '--protocol', 'ICMP', '--port', '1')).toContain('ICMP has no ports');
  expect(await refusal('--from', 'a', '--port', '1', '--icmp-type', '8')).toContain(
    '--icmp-type is for ICMP and ICMPv6',
  );
  expect(await refusal('--from', ' ', '--port', '1')).toContain('--from is empty');
  expect(await refusal('--from', 'a', '--to', 'b:80', '--port', '81')).toContain('--to says port 80, --port says 81');
  expect(await refusal('--from', 'a', '--protocol', 'nonsense')).toContain('no such protocol: nonsense');
  expect(await refusal('--from', 'a', '--port', '1')).toContain('Felix is not running');
  await using _server = await felix();
  expect(await refusal('--from', 'x', '--port', '1')).toContain('no workload endpoint is called "x"');
});
