import { existsSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectUnix } from '@calico-node/rpc';
import { PolicySyncClient, type ToDataplane } from '@calico-node/rpc/policy-sync';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FelixProcess } from './support/felix-process.ts';
import { StoreLab } from './support/store-lab.ts';

type Payload = NonNullable<ToDataplane['payload']>;
type Told = { [P in Payload as P['$case']]: P['value'] };

let lab: StoreLab;
let felix: FelixProcess;
let prefix: string;

beforeAll(async () => {
  lab = await StoreLab.start();
  prefix = mkdtempSync(join(tmpdir(), 'cnt-'));
  await lab.apply('GlobalNetworkPolicy', { name: 'web' }, policyOf('app == "client"'));
  await lab.apply('Profile', { name: 'kns.default' }, { labelsToApply: { 'pcns.env': 'test' } });
  await lab.applyEndpoint(lab.node.addWorkload('web', '10.65.0.1', { byFelix: true }), 'web');
  await lab.applyEndpoint(lab.node.addWorkload('client', '10.65.0.2', { byFelix: true }), 'client');
  felix = lab.startFelix({ FELIX_POLICYSYNCPATHPREFIX: prefix });
});

afterAll(async () => {
  await felix[Symbol.asyncDispose]();
  await lab[Symbol.asyncDispose]();
  rmSync(prefix, { recursive: true, force: true });
});

function policyOf(selector: string) {
  const http = { methods: ['GET'], paths: [{ exact: '/' }] };
  const ingress = [{ action: 'Allow', protocol: 'TCP', http, source: { selector } }];
  return { selector: 'app == "web"', types: ['Ingress'], ingress };
}

/** What the CSI driver does when a pod gets its volume. */
function mountVolume(volume: string, credentials: string): string {
  const directory = join(prefix, 'mount', volume);
  mkdirSync(directory, { recursive: true });
  mkdirSync(join(prefix, 'creds'), { recursive: true });
  writeFileSync(join(prefix, volume), credentials);
  renameSync(join(prefix, volume), join(prefix, 'creds', `${volume}.json`));
  return join(directory, 'socket');
}

const podOf = (workload: string): string => JSON.stringify({ UID: 'u', Workload: workload, Namespace: 'default' });

/** A proxy beside a pod. */
class Proxy implements Disposable {
  readonly told: Payload[] = [];
  readonly #client: InstanceType<typeof PolicySyncClient>;
  readonly #ended: Promise<number>;

  constructor(socket: string) {
    this.#client = connectUnix(PolicySyncClient, socket);
    const stream = this.#client.sync({});
    stream.on('data', ({ payload }: ToDataplane) => {
      if (payload !== undefined) this.told.push(payload);
    });
    stream.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      stream.on('status', ({ code }) => {
        resolve(code);
      });
    });
  }

  /** Resolves with the first that it is told of a kind. */
  async hears<K extends keyof Told>(kind: K): Promise<Told[K]> {
    const find = () => this.told.find(({ $case }) => $case === kind);
    await expect.poll(find, { timeout: 20_000, interval: 20 }).toBeDefined();
    return find()!.value as Told[K];
  }

  /** Resolves with the status of its call once that is over. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

const untilServed = (socket: string) => expect.poll(() => existsSync(socket), { timeout: 20_000 }).toBe(true);

it('a proxy in a pod is told of the pod’s policy, and of each change, until the pod goes', async () => {
  const socket = mountVolume('web-volume', podOf('web'));
  await untilServed(socket);
  expect((lstatSync(socket).mode & 0o777).toString(8)).toBe('777');
  using proxy = new Proxy(socket);
  await proxy.hears('inSync');
  expect(proxy.told.map(({ $case }) => $case).sort()).toEqual([
    ...['activePolicyUpdate', 'activeProfileUpdate', 'inSync', 'ipsetUpdate'],
    ...['namespaceUpdate', 'workloadEndpointUpdate'],
  ]);
  const [set, active, namespace] = [
    await proxy.hears('ipsetUpdate'),
    await proxy.hears('activePolicyUpdate'),
    await proxy.hears('namespaceUpdate'),
  ];
  expect(set.members).toEqual(['10.65.0.2/32']);
  expect(active).toMatchObject({
    id: { kind: 'GlobalNetworkPolicy', name: 'web' },
    policy: { inboundRules: [{ srcIpSetIds: [set.id], httpMatch: { methods: ['GET'] } }] },
  });
  expect(namespace).toEqual({ id: { name: 'default' }, labels: { env: 'test' } });

  proxy.told.length = 0;
  await lab.apply('GlobalNetworkPolicy', { name: 'web' }, policyOf('app == "web"'));
  expect(await proxy.hears('ipsetRemove')).toEqual({ id: set.id });
  expect((await proxy.hears('ipsetUpdate')).members).toEqual(['10.65.0.1/32']);
  expect(proxy.told.map(({ $case }) => $case)).toEqual(['ipsetUpdate', 'activePolicyUpdate', 'ipsetRemove']);

  using successor = new Proxy(socket);
  await successor.hears('inSync');
  expect(await proxy.ended).toBe(0);

  successor.told.length = 0;
  await lab.resources.delete('WorkloadEndpoint', 'node1-k8s-web-eth0', 'default');
  expect(await successor.hears('workloadEndpointRemove')).toMatchObject({ id: { workloadId: 'default/web' } });
  expect(await successor.ended).toBe(0);
  rmSync(join(prefix, 'creds', 'web-volume.json'));
  await expect.poll(() => existsSync(socket), { timeout: 20_000 }).toBe(false);
});

it('what a pod puts in the place of its socket is replaced, not followed', async () => {
  const victim = join(prefix, 'victim');
  writeFileSync(victim, '', { mode: 0o600 });
  const socket = join(prefix, 'mount', 'bad-volume', 'socket');
  mkdirSync(join(prefix, 'mount', 'bad-volume'), { recursive: true });
  rmSync(socket, { force: true });
  symlinkSync(victim, socket);
  mountVolume('bad-volume', podOf('client'));
  await expect.poll(() => lstatSync(socket).isSocket(), { timeout: 20_000 }).toBe(true);
  expect((lstatSync(victim).mode & 0o777).toString(8)).toBe('600');
});

it('credentials that cannot be read open nothing, until they can', async () => {
  const socket = mountVolume('late-volume', '{"Workload":"client"}');
  await expect.poll(() => felix.output, { timeout: 20_000 }).toContain('Namespace is missing');
  expect(existsSync(socket)).toBe(false);
  mountVolume('late-volume', podOf('client'));
  await untilServed(socket);
  using proxy = new Proxy(socket);
  await proxy.hears('inSync');
  expect(await proxy.hears('workloadEndpointUpdate')).toMatchObject({ id: { workloadId: 'default/client' } });
  await felix.end('SIGTERM');
  expect(await proxy.ended).not.toBe(undefined);
  expect(existsSync(socket)).toBe(false);
});
