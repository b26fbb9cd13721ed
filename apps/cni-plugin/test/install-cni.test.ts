import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installCni } from '../src/install/install-cni.ts';

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

test('skips programs, takes a template from a file, and removes the configuration of old', () => {
  mkdirSync(confDir(), { recursive: true });
  writeFileSync(join(confDir(), 'old.conf'), '{}');
  writeFileSync(join(dir, 'template'), template);
  const config = { CNI_NETWORK_CONFIG_FILE: join(dir, 'template'), CNI_CONF_NAME: '5-new.conflist' };
  install({ ...config, CNI_OLD_CONF_NAME: 'old.conf', SKIP_CNI_BINARIES: 'calico-ipam' });
  expect(readdirSync(confDir())).toEqual(['5-new.conflist']);
  expect(readdirSync(join(hostRoot, 'opt/cni/bin'))).toEqual(['calico']);
});

test('refuses what is no configuration and writes none', () => {
  expect(() => install({ CNI_NETWORK_CONFIG: '{"mtu": __NO_SUCH_THING__}' })).toThrow('is not JSON');
  expect(() => install({})).toThrow('neither CNI_NETWORK_CONFIG nor');
  expect(() => readdirSync(confDir())).toThrow('ENOENT');
});
