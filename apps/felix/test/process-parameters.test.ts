import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { parseResource, type Kind } from '@calico-node/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FelixProcess, relayInto } from './support/felix-process.ts';
import { NodeLab, runIn } from './support/node-lab.ts';

let lab: NodeLab;
let etcd: EtcdProcess;
let relay: Disposable;
let backend: Backend;

beforeAll(async () => {
  lab = new NodeLab();
  etcd = await startEtcd();
  relay = await relayInto(lab.netns, etcd.port);
  backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints.join(',') } }));
  await new Resources(backend).ensureInitialized({});
});

afterAll(async () => {
  backend.close();
  relay[Symbol.dispose]();
  await etcd.stop();
  lab[Symbol.dispose]();
});

function start(env: Readonly<Record<string, string>>): FelixProcess {
  const felix = new FelixProcess(lab.netns, { ETCD_ENDPOINTS: `http://127.0.0.1:${etcd.port}`, ...env });
  felix.start();
  return felix;
}

/** Which parts are not live, and the first word of why. */
function failing(felix: FelixProcess): readonly string[] {
  const { components } = JSON.parse(felix.httpGet('/liveness')) as {
    components: readonly { name: string; ok: boolean; reason: string }[];
  };
  return components.filter(({ ok }) => !ok).map(({ name, reason }) => `${name} ${reason.split(/\W/, 1)[0]}`);
}

describe('felix is found out', () => {
  it.each([
    ['dataplane', { FELIX_DEBUGSIMULATEDATAPLANEHANGAFTER: '0.001', FELIX_DATAPLANEWATCHDOGTIMEOUT: '0.1' }],
    [
      'calculation',
      { FELIX_DEBUGSIMULATECALCGRAPHHANGAFTER: '0.001', FELIX_HEALTHTIMEOUTOVERRIDES: 'CalculationGraph=100ms' },
    ],
  ])('when its %s hangs', async (name, env) => {
    await using felix = start(env);
    await felix.status();
    await expect.poll(() => failing(felix), { timeout: 20_000 }).toEqual([`${name} hangs`]);
    await felix.end('SIGTERM');
  });

  it('when it is to fail', async () => {
    await using felix = start({ FELIX_DEBUGPANICAFTER: '0.1' });
    expect(await felix.ended()).toBe(1);
    expect(felix.output).toContain('DebugPanicAfter asks Felix to fail');
  });
});

it('felix follows its configuration: the node’s, what selects it, the cluster’s, its own environment before all', async () => {
  const resources = new Resources(backend);
  const apply = async (name: string, spec: object, kind: Kind = 'FelixConfiguration'): Promise<void> => {
    await resources.apply(parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata: { name }, spec }));
  };
  const ports = (): string | undefined =>
    /masquerade to :(\S+)/.exec(runIn(lab.netns, 'nft', 'list', 'chain', 'ip', 'calico', 'nat-cali-nat-outgoing'))?.[1];
  const eventually = () => expect.poll(ports, { timeout: 20_000 });
  await using felix = start({ FELIX_LOGPREFIX: 'mine', FELIX_NFTABLESMODE: 'Enabled' });
  await expect.poll(() => felix.status(), { timeout: 20_000 }).toMatchObject({ inSync: true });
  await apply('pool', { cidr: '10.65.0.0/16', natOutgoing: true }, 'IPPool');
  await apply('default', { natPortRange: '1000:2000', logPrefix: 'theirs' });
  await eventually().toBe('1000-2000');
  const node = { kind: 'Node', apiVersion: 'projectcalico.org/v3', metadata: { name: 'node1', labels: { zone: 'a' } } };
  await resources.apply(parseResource({ ...node, spec: { bgp: { ipv4Address: '172.16.0.1/24' } } }));
  await apply('elsewhere', { natPortRange: '9000:9001', nodeSelector: "zone == 'b'" });
  await apply('zone-a', { natPortRange: '7000:8000', nodeSelector: "zone == 'a'" });
  await eventually().toBe('7000-8000');
  await apply('node.node1', { natPortRange: '3000:4000' });
  await eventually().toBe('3000-4000');
  await apply('node.node2', { natPortRange: '5000:6000' });
  await apply('node.node1', { logPrefix: 'also theirs' });
  await eventually().toBe('7000-8000');
  for (const name of ['elsewhere', 'zone-a']) await resources.delete('FelixConfiguration', name);
  await eventually().toBe('1000-2000');
  await resources.delete('FelixConfiguration', 'default');
  await eventually().toBe(undefined);
  await resources.delete('FelixConfiguration', 'node.node1');
  await resources.delete('FelixConfiguration', 'node.node2');
  await felix.end('SIGTERM');
});

it('felix takes what its configuration says of failsafe ports, and ends where it can’t be what it must be', async () => {
  const resources = new Resources(backend);
  const configuration = { kind: 'FelixConfiguration', apiVersion: 'projectcalico.org/v3' };
  const apply = async (annotations: object, spec: object): Promise<void> => {
    const metadata = { name: 'default', annotations };
    await resources.apply(parseResource({ ...configuration, metadata, spec }));
  };
  const host = { metadata: { name: 'h' }, spec: { node: 'node1', interfaceName: 'eth0' } };
  await resources.apply(parseResource({ kind: 'HostEndpoint', apiVersion: 'projectcalico.org/v3', ...host }));
  const rules = (): string => runIn(lab.netns, 'nft', 'list', 'table', 'ip', 'calico');
  await using felix = start({ FELIX_NFTABLESMODE: 'Enabled' });
  await expect.poll(() => felix.status(), { timeout: 20_000 }).toMatchObject({ inSync: true });
  await expect.poll(rules, { timeout: 20_000 }).toMatch(/failsafe-in {\s+tcp dport/);
  await apply({}, { failsafeInboundHostPorts: [] });
  await expect.poll(rules, { timeout: 20_000 }).not.toMatch(/failsafe-in {\s+tcp dport/);
  await apply({ 'config.projectcalico.org/ChainInsertMode': 'bogus' }, {});
  expect(await felix.ended()).toBe(2);
  expect(felix.output).toContain("ChainInsertMode is 'bogus' in FelixConfiguration default");
  await resources.delete('FelixConfiguration', 'default');
  await resources.delete('HostEndpoint', 'h');
});

it('felix changes nothing while the datastore is locked', async () => {
  const resources = new Resources(backend);
  const setReady = async (datastoreReady: boolean): Promise<void> => {
    const { metadata, spec } = await resources.get('ClusterInformation', 'default');
    await resources.apply({
      ...{ kind: 'ClusterInformation', apiVersion: 'projectcalico.org/v3', metadata: { name: metadata.name } },
      spec: { ...spec, datastoreReady },
    });
  };
  await using felix = start({ FELIX_NFTABLESMODE: 'Enabled' });
  await expect.poll(() => felix.status(), { timeout: 20_000 }).toMatchObject({ inSync: true });
  await setReady(false);
  await expect.poll(() => felix.httpGet('/readiness'), { timeout: 20_000 }).toContain('the datastore is locked');
  const pool = { kind: 'IPPool', apiVersion: 'projectcalico.org/v3', metadata: { name: 'late' } };
  await resources.apply(parseResource({ ...pool, spec: { cidr: '10.67.0.0/16', natOutgoing: true } }));
  const rules = (): string => runIn(lab.netns, 'nft', 'list', 'table', 'ip', 'calico');
  await felix.end('SIGKILL');
  felix.start();
  await felix.status();
  await expect.poll(() => felix.httpGet('/readiness'), { timeout: 20_000 }).toContain('the datastore is locked');
  expect(rules()).not.toContain('10.67.0.0/16');
  await setReady(true);
  await expect.poll(rules, { timeout: 20_000 }).toContain('10.67.0.0/16');
  expect(JSON.parse(felix.httpGet('/readiness'))).toMatchObject({ ok: true });
  await felix.end('SIGTERM');
});

it('felix tells of the health of what is switched on, and no more once it is off', async () => {
  const resources = new Resources(backend);
  const components = (felix: FelixProcess): readonly string[] => {
    const { components: all } = JSON.parse(felix.httpGet('/readiness')) as { components: readonly { name: string }[] };
    return all.map(({ name }) => name);
  };
  await using felix = start({});
  await expect.poll(() => felix.status(), { timeout: 20_000 }).toMatchObject({ inSync: true });
  const node = { kind: 'FelixConfiguration', apiVersion: 'projectcalico.org/v3', metadata: { name: 'node.node1' } };
  await resources.apply(parseResource({ ...node, spec: { wireguardEnabled: true } }));
  await expect.poll(() => components(felix), { timeout: 20_000 }).toContain('wireguard');
  await resources.delete('FelixConfiguration', 'node.node1');
  await expect.poll(() => components(felix), { timeout: 20_000 }).not.toContain('wireguard');
  expect(components(felix)).toContain('network');
  await felix.end('SIGTERM');
});

it('felix takes new limits to its work without starting over', async () => {
  const resources = new Resources(backend);
  const apply = async (kind: Kind, name: string, spec: object): Promise<void> => {
    await resources.apply(parseResource({ kind, apiVersion: 'projectcalico.org/v3', metadata: { name }, spec }));
  };
  await using felix = start({ FELIX_DEBUGSIMULATEDATAPLANEAPPLYDELAY: '2' });
  await expect.poll(() => felix.status(), { timeout: 20_000 }).toMatchObject({ inSync: true });
  await apply('FelixConfiguration', 'node.node1', {
    healthTimeoutOverrides: [{ name: 'InternalDataplaneMainLoop', timeout: '100ms' }],
  });
  let natOutgoing = false;
  const failingAtWork = async (): Promise<readonly string[]> => {
    natOutgoing = !natOutgoing;
    await apply('IPPool', 'another', { cidr: '10.66.0.0/16', natOutgoing });
    return failing(felix);
  };
  await expect.poll(failingAtWork, { timeout: 20_000 }).toEqual(['dataplane hangs']);
  expect(felix.output).not.toContain('starting over');
  await resources.delete('FelixConfiguration', 'node.node1');
  await felix.end('SIGTERM');
});

describe('felix lets itself be looked into', () => {
  it('by a log in a file, a profile and the inspector, whatever names its store', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'calico-felix-'));
    const path = (name: string): string => join(directory, name);
    try {
      await using felix = start({
        ETCD_ENDPOINTS: 'http://127.0.0.1:1',
        FELIX_ETCDADDR: `127.0.0.1:${etcd.port}`,
        FELIX_LOGFILEPATH: path('log/felix.log'),
        FELIX_LOGSEVERITYFILE: 'DEBUG',
        FELIX_LOGSEVERITYSCREEN: 'FATAL',
        FELIX_DEBUGPORT: '9229',
        FELIX_DEBUGMEMORYPROFILEPATH: path('<timestamp>.heapsnapshot'),
        FELIX_DEBUGCPUPROFILEPATH: 'none',
      });
      await felix.status();
      expect(readFileSync(path('log/felix.log'), 'utf8')).toContain('felix is running');
      expect(felix.output).not.toContain('felix is running');
      expect(felix.httpGet('/json/version', 9229)).toContain('node.js');
      felix.signal('SIGUSR1');
      await expect.poll(() => readdirSync(directory), { timeout: 20_000 }).toHaveLength(2);
      await expect.poll(() => felix.status(), { timeout: 20_000 }).toMatchObject({ inSync: true });
      await felix.end('SIGTERM');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
