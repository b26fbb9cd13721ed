import { expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { parseDockerHost } from './labels/docker-client.ts';

const defaults: Record<string, string> = {
  scope: 'local',
  'interface-prefix': 'cali',
  'create-profiles': 'true',
  'label-endpoints': 'false',
  'label-poll-timeout': '5s',
  'docker-host': 'unix:///var/run/docker.sock',
  'policy-timeout': '1m',
  'forgotten-after': '60s',
  'node-name': 'Node-1',
};
const env = { DATASTORE_TYPE: 'etcdv3', ETCD_ENDPOINTS: 'http://127.0.0.1:2379', CALICO_RUN_DIR: '/r' };

function read(options: Record<string, string> = {}) {
  const all = { ...defaults, ...options };
  return readConfig({ option: (name) => all[name], env });
}

test('defaults are Calico’s, and the node’s name is lower case', () => {
  expect(read()).toMatchObject({
    node: 'node-1',
    labels: undefined,
    network: { scope: 'local', containerPrefix: 'cali', hostPrefix: 'cali', policyTimeoutMs: 60_000 },
  });
  expect(read({ 'label-endpoints': 'true' }).labels).toEqual({
    docker: { socketPath: '/var/run/docker.sock' },
    timeoutMs: 5000,
  });
});

test.each([
  [{ scope: 'swarm' }, "scope 'swarm'"],
  [{ 'interface-prefix': 'eth-' }, 'interface-prefix'],
  [{ 'create-profiles': 'yes' }, 'create-profiles'],
  [{ 'veth-mtu': '67' }, 'veth-mtu'],
  [{ 'policy-timeout': 'soon' }, 'policy-timeout'],
  [{ 'label-endpoints': 'true', 'docker-host': 'ssh://host' }, 'docker-host'],
  [{ 'node-name': 'a b' }, 'a b'],
])('what is wrong is named: %j', (options, message) => {
  expect(() => read(options)).toThrow(message);
});

test('the engine is reached by a socket or by TCP', () => {
  expect(parseDockerHost('unix:///run/d.sock')).toEqual({ socketPath: '/run/d.sock' });
  expect(parseDockerHost('tcp://[::1]:2375')).toEqual({ host: '::1', port: 2375 });
  expect(parseDockerHost('tcp://host')).toBeUndefined();
});
