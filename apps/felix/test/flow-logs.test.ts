import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { inNetns } from '@calico-node/netlink';
import { Action, EndpointType, PolicyKind, Reporter, type Flow, type PolicyHit } from '@calico-node/rpc/goldmane';
import { TestCertificates } from '@calico-node/service/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CollectorServer, serveTls } from './support/collector-server.ts';
import { relayInto, type FelixProcess } from './support/felix-process.ts';
import { canConnect, type Workload } from './support/node-lab.ts';
import { StoreLab } from './support/store-lab.ts';

let lab: StoreLab;
let client: Workload;
let server: Workload;
let listener: Server;

beforeAll(async () => {
  lab = await StoreLab.start();
  client = lab.node.addWorkload('client', '10.65.0.1', { byFelix: true });
  server = lab.node.addWorkload('server', '10.65.0.2', { byFelix: true });
  listener = createServer((socket) => socket.on('error', () => undefined).end());
  inNetns(server.netns, () => {
    listener.listen(80);
  });
  await once(listener, 'listening');
  const policy = { tier: 'default', selector: "app == 'server'", types: ['Ingress'] };
  await lab.apply(
    'GlobalNetworkPolicy',
    { name: 'web' },
    {
      ...policy,
      ingress: [
        { action: 'Log', protocol: 'ICMP' },
        { action: 'Allow', protocol: 'TCP', source: { selector: "app == 'client'" }, destination: { ports: [80] } },
      ],
    },
  );
  await lab.apply(
    'StagedGlobalNetworkPolicy',
    { name: 'stop' },
    { ...policy, order: 1, ingress: [{ action: 'Deny', protocol: 'TCP', destination: { ports: [80] } }] },
  );
});

afterAll(async () => {
  listener.close();
  await lab[Symbol.asyncDispose]();
});

const hits = (trace: readonly PolicyHit[] = []) =>
  trace.map(({ kind, name, tier, action, ruleIndex }) => ({ kind, name, tier, action, ruleIndex }));

const profileAllows = {
  ...{ kind: PolicyKind.PROFILE, name: 'projectcalico-default-allow', tier: '__PROFILE__' },
  ...{ action: Action.ALLOW, ruleIndex: 0n },
};

/** Has one workload connect to an open port of another and to a closed one, and gives what each end told of it. */
async function flowsOf(felix: FelixProcess, { flows }: CollectorServer) {
  const revisions = [await lab.applyEndpoint(client, 'client'), await lab.applyEndpoint(server, 'server')];
  await felix.waitForEndpoint('client', revisions[0]);
  await felix.waitForEndpoint('server', revisions[1]);
  expect(await canConnect(client, server.address, 80)).toBe(true);
  expect(await canConnect(client, server.address, 81)).toBe(false);
  const seen = (port: bigint, reporter: Reporter): Flow | undefined =>
    summed(flows.filter(({ key }) => key?.destName === 'server' && key.destPort === port && key.reporter === reporter));
  const all = () => ({
    allowed: seen(80n, Reporter.DESTINATION),
    allowedBySource: seen(80n, Reporter.SOURCE),
    denied: seen(81n, Reporter.DESTINATION),
    deniedBySource: seen(81n, Reporter.SOURCE),
  });
  await expect
    .poll(
      () => {
        const { allowed, allowedBySource, denied, deniedBySource } = all();
        const areOver = [allowed, allowedBySource].every((flow) => flow?.numConnectionsCompleted === 1n);
        return areOver && denied !== undefined && deniedBySource !== undefined;
      },
      { timeout: 30_000, interval: 50 },
    )
    .toBe(true);
  return all();
}

/** The same flow at several times as one. */
function summed([first, ...more]: readonly Flow[]): Flow | undefined {
  return (
    first &&
    more.reduce((sum, each) => {
      expect(each.key).toEqual(sum.key);
      return {
        ...sum,
        packetsIn: sum.packetsIn + each.packetsIn,
        packetsOut: sum.packetsOut + each.packetsOut,
        bytesIn: sum.bytesIn + each.bytesIn,
        bytesOut: sum.bytesOut + each.bytesOut,
        numConnectionsStarted: sum.numConnectionsStarted + each.numConnectionsStarted,
        numConnectionsCompleted: sum.numConnectionsCompleted + each.numConnectionsCompleted,
      };
    }, first)
  );
}

/** What both packet filters have to come to. */
function check({ allowed, allowedBySource, denied, deniedBySource }: Awaited<ReturnType<typeof flowsOf>>): void {
  expect(allowed).toMatchObject({
    key: {
      ...{ sourceName: 'client', sourceNamespace: 'default', sourceType: EndpointType.WORKLOAD_ENDPOINT },
      ...{ destName: 'server', destNamespace: 'default', destType: EndpointType.WORKLOAD_ENDPOINT },
      ...{ proto: 'tcp', destServiceName: '-', action: Action.ALLOW },
    },
    ...{ numConnectionsStarted: 1n, numConnectionsLive: 1n },
    sourceLabels: ['app=client', 'projectcalico.org/namespace=default', 'projectcalico.org/orchestrator=k8s'],
  });
  // A handshake and the end of it, in headers alone.
  expect(allowed?.packetsIn).toBeGreaterThanOrEqual(3n);
  expect(allowed?.packetsOut).toBeGreaterThanOrEqual(2n);
  expect(allowed?.bytesIn).toBeGreaterThanOrEqual(3n * 40n);
  const byRule = { kind: PolicyKind.GLOBAL_NETWORK_POLICY, name: 'web', tier: 'default', ruleIndex: 1n };
  expect(hits(allowed?.key?.policies?.enforcedPolicies)).toEqual([{ ...byRule, action: Action.ALLOW }]);
  expect(hits(allowed?.key?.policies?.pendingPolicies)).toEqual([
    {
      ...{ kind: PolicyKind.STAGED_GLOBAL_NETWORK_POLICY, name: 'stop', tier: 'default' },
      ...{ action: Action.DENY, ruleIndex: 0n },
    },
  ]);
  expect(hits(allowedBySource?.key?.policies?.enforcedPolicies)).toEqual([profileAllows]);
  // What goes in at one end comes out of the other.
  expect(allowedBySource?.packetsIn).toBe(allowed?.packetsOut);
  expect(allowedBySource?.packetsOut).toBe(allowed?.packetsIn);
  expect(denied).toMatchObject({ key: { action: Action.DENY }, packetsOut: 0n });
  expect(denied?.packetsIn).toBeGreaterThan(0n);
  expect(denied?.key?.policies?.enforcedPolicies).toMatchObject([
    {
      ...{ kind: PolicyKind.END_OF_TIER, tier: 'default', action: Action.DENY, ruleIndex: -1n },
      trigger: { kind: PolicyKind.GLOBAL_NETWORK_POLICY, name: 'web' },
    },
  ]);
  // It let it go, and knows no more.
  expect(deniedBySource?.key?.action).toBe(Action.ALLOW);
}

const everySoOften = { FELIX_FLOWLOGSFLUSHINTERVAL: '0.3' };

it('tells Goldmane, over TLS, what nftables has let pass and what it has not', { timeout: 60_000 }, async () => {
  using certificates = new TestCertificates();
  certificates.addAuthority('ca');
  for (const name of ['goldmane', 'felix']) certificates.add(name, 'ca');
  const collector = new CollectorServer();
  const socket = certificates.path('goldmane.sock');
  await using _collector = await collector.serve(socket);
  await using goldmane = await serveTls(socket, certificates);
  using _relay = await relayInto(lab.node.netns, goldmane.port);
  await using felix = lab.startFelix({
    ...everySoOften,
    FELIX_NFTABLESMODE: 'Enabled',
    FELIX_FLOWLOGSGOLDMANESERVER: `127.0.0.1:${goldmane.port}`,
    FELIX_TYPHACAFILE: certificates.path('ca.pem'),
    FELIX_TYPHACERTFILE: certificates.path('felix.pem'),
    FELIX_TYPHAKEYFILE: certificates.path('felix.key'),
  });
  check(await flowsOf(felix, collector));
  await felix.end('SIGTERM');
});

it(
  'tells whoever serves the local socket what iptables has let pass and what it has not',
  { timeout: 60_000 },
  async () => {
    await using felix = lab.startFelix({
      ...everySoOften,
      FELIX_NFTABLESMODE: 'Disabled',
      FELIX_FLOWLOGSLOCALREPORTER: 'Enabled',
    });
    const collector = new CollectorServer();
    await using _collector = await collector.serve(join(felix.runDir, 'flows', 'flows.sock'));
    check(await flowsOf(felix, collector));
    await felix.end('SIGTERM');
  },
);
