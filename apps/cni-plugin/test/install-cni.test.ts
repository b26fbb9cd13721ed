import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { installKubeconfig, KubernetesClient, readKubeconfig, TokenRenewal } from '@calico-node/kubernetes';
import { createLogger } from '@calico-node/service';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { installCni } from '../src/install/install-cni.ts';
import { runInstall } from '../src/install/run-install.ts';
import { KubernetesApi } from './support/kubernetes-api.ts';

let dir: string;
let hostRoot: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cnt-install-'));
  hostRoot = join(dir, 'host');
  for (const name of ['host/opt/cni/bin', 'bin', 'secrets']) mkdirSync(join(dir, name), { recursive: true });
  for (const name of ['calico', 'calico-ipam']) writeFileSync(join(dir, 'bin', name), `program ${name}`);
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const install = (env: Record<string, string>): readonly string[] =>
  installCni({ env: { TLS_ASSETS_DIR: join(dir, 'secrets'), ...env }, hostRoot, sourceDir: join(dir, 'bin') });
const template =
  '{"name": "n", "plugins": [{"mtu": __CNI_MTU__, "etcd_endpoints": "__ETCD_ENDPOINTS__", "k": "__ETCD_KEY_FILE__"}]}';
const confDir = (): string => join(hostRoot, 'etc/cni/net.d');

test('puts programs, TLS files and the configuration in place, once', () => {
  writeFileSync(join(dir, 'secrets/etcd-key'), 'secret');
  const env = { CNI_NETWORK_CONFIG: template, CNI_MTU: '1440', ETCD_ENDPOINTS: 'http://e:2379' };
  expect(install(env)).toHaveLength(4);
  const file = join(confDir(), '10-calico.conflist');
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    name: 'n',
    plugins: [{ mtu: 1440, etcd_endpoints: 'http://e:2379', k: '/etc/cni/net.d/calico-tls/etcd-key' }],
  });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(hostRoot, 'opt/cni/bin/calico')).mode & 0o777).toBe(0o755);
  expect(statSync(join(confDir(), 'calico-tls/etcd-key')).mode & 0o777).toBe(0o600);
  expect(install(env)).toEqual([]);
  writeFileSync(join(dir, 'bin/calico'), 'newer');
  expect(install(env)).toEqual([join(hostRoot, 'opt/cni/bin/calico')]);
  expect(readdirSync(join(hostRoot, 'opt/cni/bin')).sort()).toEqual(['calico', 'calico-ipam']);
});

test('names the TLS files that there are, and installs them again when they change', () => {
  const files = '{"ca": "__ETCD_CA_CERT_FILE__", "cert": "__ETCD_CERT_FILE__", "key": "__ETCD_KEY_FILE__"}';
  const env = { CNI_NETWORK_CONFIG: files, CNI_NET_DIR: '/etc/other' };
  const installed = (): unknown => JSON.parse(readFileSync(join(confDir(), '10-calico.conflist'), 'utf8'));
  install(env);
  expect(installed()).toEqual({ ca: '', cert: '', key: '' });
  writeFileSync(join(dir, 'secrets/etcd-ca'), 'authority');
  install(env);
  expect(installed()).toEqual({ ca: '/etc/other/calico-tls/etcd-ca', cert: '', key: '' });
  const copy = join(confDir(), 'calico-tls/etcd-ca');
  writeFileSync(join(dir, 'secrets/etcd-ca'), 'another authority');
  expect(install(env)).toEqual([copy]);
  expect(readFileSync(copy, 'utf8')).toBe('another authority');
});

test('every placeholder of a template takes the value of its variable, or Calico’s default', () => {
  const names = [
    ...['LOG_LEVEL', 'LOG_FILE_PATH', 'LOG_FILE_MAX_SIZE', 'LOG_FILE_MAX_AGE', 'LOG_FILE_MAX_COUNT', 'DATASTORE_TYPE'],
    ...['KUBERNETES_NODE_NAME', 'CNI_MTU', 'KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT', 'CALICO_API_GROUP'],
    ...['ETCD_ENDPOINTS', 'ETCD_DISCOVERY_SRV', 'REQUIRE_MTU_FILE'],
  ];
  const all = JSON.stringify(Object.fromEntries(names.map((name) => [name, `__${name}__`])));
  const rendered = (env: Record<string, string>): unknown => {
    install({ CNI_NETWORK_CONFIG: all, ...env });
    return JSON.parse(readFileSync(join(confDir(), '10-calico.conflist'), 'utf8'));
  };
  expect(rendered({})).toEqual({
    LOG_LEVEL: 'info',
    LOG_FILE_PATH: '/var/log/calico/cni/cni.log',
    LOG_FILE_MAX_SIZE: '100',
    LOG_FILE_MAX_AGE: '30',
    LOG_FILE_MAX_COUNT: '10',
    DATASTORE_TYPE: 'kubernetes',
    KUBERNETES_NODE_NAME: hostname().trim().toLowerCase(),
    CNI_MTU: '1500',
    KUBERNETES_SERVICE_HOST: '',
    KUBERNETES_SERVICE_PORT: '',
    CALICO_API_GROUP: '',
    ETCD_ENDPOINTS: '',
    ETCD_DISCOVERY_SRV: '',
    REQUIRE_MTU_FILE: 'false',
  });
  const given = Object.fromEntries(names.map((name) => [name, `of ${name}`]));
  expect(rendered(given)).toEqual(given);
});

test('programs that are there stay where UPDATE_CNI_BINARIES is false', () => {
  const program = join(hostRoot, 'opt/cni/bin/calico');
  writeFileSync(program, 'older');
  install({ CNI_NETWORK_CONFIG: template, CNI_MTU: '0', UPDATE_CNI_BINARIES: 'false' });
  expect(readFileSync(program, 'utf8')).toBe('older');
  expect(existsSync(join(hostRoot, 'opt/cni/bin/calico-ipam'))).toBe(true);
});

test('skips programs, takes a template from a file, and removes the configuration of old', () => {
  mkdirSync(confDir(), { recursive: true });
  writeFileSync(join(confDir(), 'old.conf'), '{}');
  writeFileSync(join(dir, 'template'), template);
  const config = { CNI_NETWORK_CONFIG_FILE: join(dir, 'template'), CNI_CONF_NAME: '5-new.conflist' };
  install({ ...config, CNI_OLD_CONF_NAME: 'old.conf', SKIP_CNI_BINARIES: 'calico-ipam' });
  expect(readdirSync(confDir())).toEqual(['5-new.conflist']);
  expect(readdirSync(join(hostRoot, 'opt/cni/bin'))).toEqual(['calico']);
});

test('without a template has Calico’s network, and takes the place of the usual file under another name', () => {
  const names = { KUBERNETES_NODE_NAME: 'n1', ETCD_ENDPOINTS: 'http://e:2379', CNI_MTU: '0' };
  install(names);
  const installed = (name: string): string => readFileSync(join(confDir(), name), 'utf8');
  const { name, plugins } = JSON.parse(installed('10-calico.conflist')) as { name: string; plugins: unknown[] };
  expect(name).toBe('k8s-pod-network');
  expect(plugins).toMatchObject([
    {
      type: 'calico',
      etcd_endpoints: 'http://e:2379',
      nodename: 'n1',
      mtu: 0,
      policy: { type: 'k8s' },
      kubernetes: { kubeconfig: '/etc/cni/net.d/calico-kubeconfig' },
    },
    { type: 'portmap' },
  ]);
  const usual = installed('10-calico.conflist');
  install({ ...names, CNI_CONF_NAME: '05-calico.conflist' });
  expect(readdirSync(confDir())).toEqual(['05-calico.conflist']);
  expect(installed('05-calico.conflist')).toBe(usual);
});

test('refuses what is no configuration and writes none', () => {
  expect(() => install({ CNI_NETWORK_CONFIG: '{"mtu": __NO_SUCH_THING__}' })).toThrow('is not JSON');
  expect(() => readdirSync(confDir())).toThrow('ENOENT');
});

describe('in a pod of Kubernetes', () => {
  let api: KubernetesApi;
  const account = (): string => join(dir, 'account');

  beforeEach(async () => {
    api = await KubernetesApi.start();
    mkdirSync(account());
    copyFileSync(api.authorityFile, join(account(), 'ca.crt'));
    writeFileSync(join(account(), 'token'), 'first-token\n');
    writeFileSync(join(account(), 'namespace'), 'kube-system');
  });

  afterEach(async () => {
    await api[Symbol.asyncDispose]();
  });

  const pod = (env: Record<string, string> = {}) => {
    const { hostname, port } = new URL(api.url);
    return installKubeconfig(
      {
        env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, ...env },
        hostRoot,
        accountDir: account(),
        random: () => 0,
      },
      AbortSignal.timeout(10_000),
    );
  };

  test('a kubeconfig has a token of the CNI service account, and works', async () => {
    const { token, renewInMs } = (await pod())!;
    expect(api.tokenRequests).toMatchObject([
      { account: 'kube-system/calico-cni-plugin', body: { kind: 'TokenRequest', spec: { expirationSeconds: 86_400 } } },
    ]);
    expect(renewInMs).toBeGreaterThan(5.9 * 3_600_000);
    expect(renewInMs).toBeLessThanOrEqual(6 * 3_600_000);
    const path = join(confDir(), 'calico-kubeconfig');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const access = readKubeconfig(path);
    expect(access).toMatchObject({ token: { value: token }, isInsecure: false });
    api.objects.set('/api/v1/nodes/n', { kind: 'Node' });
    const client = new KubernetesClient(access);
    expect(await client.get('/api/v1/nodes/n', AbortSignal.timeout(10_000))).toEqual({ kind: 'Node' });
    client.close();
    expect((await pod())!.token).not.toBe(token);
  });

  test('a kubeconfig trusts whoever answers where SKIP_TLS_VERIFY says so', async () => {
    await pod({ SKIP_TLS_VERIFY: 'true' });
    expect(readKubeconfig(join(confDir(), 'calico-kubeconfig'))).toMatchObject({
      isInsecure: true,
      authority: undefined,
    });
  });

  test('the account and the interval are as the environment says, and a refusal tells why', async () => {
    const { renewInMs } = (await pod({ CALICO_CNI_SERVICE_ACCOUNT: 'other', CNI_TOKEN_REFRESH_INTERVAL: '30m' }))!;
    expect(renewInMs).toBe(1_800_000);
    expect(api.tokenRequests[0]?.account).toBe('kube-system/other');
    api.tokens.clear();
    await expect(pod()).rejects.toThrow('401: Unauthorized');
  });

  test('the token is renewed when it is time, and the old one stays while the API refuses', async () => {
    const { hostname, port } = new URL(api.url);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, CNI_TOKEN_REFRESH_INTERVAL: '1ms' };
    const log = createLogger('test', 'fatal');
    const renewal = new TokenRenewal({ env, hostRoot, accountDir: account(), random: () => 0 }, log);
    const signal = AbortSignal.timeout(10_000);
    const installed = () => readKubeconfig(join(confDir(), 'calico-kubeconfig')).token;
    await renewal.renew(signal);
    const first = renewal.current;
    expect(installed()).toEqual({ value: first });
    await vi.waitUntil(() => renewal.dueInMs === 0);
    await renewal.renew(signal);
    const second = renewal.current;
    expect(second).not.toBe(first);
    expect(installed()).toEqual({ value: second });
    api.tokens.clear();
    await vi.waitUntil(() => renewal.dueInMs === 0);
    await renewal.renew(signal);
    expect(renewal.current).toBe(second);
    expect(installed()).toEqual({ value: second });
    expect(renewal.dueInMs).toBeGreaterThan(0);
  });

  test('the install program stays until it is stopped', async () => {
    const end = new AbortController();
    const source = join(dir, 'bin');
    const env = { CNI_NETWORK_CONFIG: template, TLS_ASSETS_DIR: join(dir, 'secrets'), CALICO_LOG_LEVEL: 'fatal' };
    const running = runInstall(env, hostRoot, source, end.signal);
    const placed = join(hostRoot, 'opt/cni/bin/calico');
    const text = (): string => (existsSync(placed) ? readFileSync(placed, 'utf8') : '');
    await vi.waitUntil(() => text() === 'program calico', { timeout: 10_000 });
    end.abort();
    expect(await running).toBe(0);
  });

  describe('the install program', () => {
    const configured = (): unknown => {
      try {
        return (JSON.parse(readFileSync(join(confDir(), '10-calico.conflist'), 'utf8')) as { token: unknown }).token;
      } catch {
        return undefined;
      }
    };
    const run = (signal: AbortSignal, more: Record<string, string> = {}): Promise<number> => {
      const env = {
        KUBECONFIG: api.writeKubeconfig(join(dir, 'kubeconfig')),
        CNI_NETWORK_CONFIG: '{"name": "n", "token": "__SERVICEACCOUNT_TOKEN__"}',
        CNI_TOKEN_REFRESH_INTERVAL: '1ms',
        TLS_ASSETS_DIR: dir,
        CALICO_LOG_LEVEL: 'fatal',
        ...more,
      };
      return runInstall(env, hostRoot, join(dir, 'bin'), signal);
    };
    const until = (holds: () => boolean): Promise<true> => vi.waitUntil(holds, { timeout: 10_000 });

    test('renews the token for as long as it stays, and puts back what somebody took away', async () => {
      const end = new AbortController();
      const running = run(end.signal);
      await until(() => configured() === 'given-1');
      rmSync(join(hostRoot, 'opt/cni/bin/calico'));
      await until(() => configured() === 'given-2');
      expect(readFileSync(join(hostRoot, 'opt/cni/bin/calico'), 'utf8')).toBe('program calico');
      expect(readKubeconfig(join(confDir(), 'calico-kubeconfig')).token).toEqual({ value: 'given-2' });
      end.abort();
      expect(await running).toBe(0);
    });

    test('stays, with the token that it has, while the API refuses another', async () => {
      const end = new AbortController();
      let code: number | undefined;
      const running = run(end.signal).then((ended) => (code = ended));
      await until(() => configured() === 'given-1');
      api.tokens.clear();
      const asked = api.asked.length;
      rmSync(join(hostRoot, 'opt/cni/bin/calico-ipam'));
      await until(() => existsSync(join(hostRoot, 'opt/cni/bin/calico-ipam')));
      expect(api.asked.length).toBeGreaterThan(asked);
      expect([code, configured()]).toEqual([undefined, 'given-1']);
      end.abort();
      expect(await running).toBe(0);
    });

    test('ends at once where SLEEP is false, and with an error when it never got a token', async () => {
      expect(await run(AbortSignal.timeout(10_000), { SLEEP: 'false' })).toBe(0);
      expect(configured()).toBe('given-1');
      api.tokens.clear();
      expect(await run(AbortSignal.timeout(10_000))).toBe(1);
      expect(configured()).toBe('given-1');
    });

    test('ends in good order when it is stopped while it asks', async () => {
      const end = new AbortController();
      const running = run(end.signal);
      end.abort();
      expect(await running).toBe(0);
    });
  });

  test('outside of Kubernetes there is nothing to do', async () => {
    expect(await installKubeconfig({ env: {}, hostRoot }, AbortSignal.timeout(1000))).toBeUndefined();
  });

  test('the template may carry the token', () => {
    installCni({
      env: { CNI_NETWORK_CONFIG: '{"name": "n", "token": "__SERVICEACCOUNT_TOKEN__"}', TLS_ASSETS_DIR: dir },
      hostRoot,
      sourceDir: join(dir, 'bin'),
      token: 'secret',
    });
    const text = readFileSync(join(confDir(), '10-calico.conflist'), 'utf8');
    expect(JSON.parse(text)).toEqual({ name: 'n', token: 'secret' });
  });
});
