import { describe, expect, test } from 'vitest';
import { nodeComponents } from './node-components.ts';

const layout = {
  ownFile: '/opt/calico-node/lib/calico-node.mjs',
  nodeBinary: '/opt/node',
  runDir: '/run/calico',
  nodeName: 'n1',
  env: {},
};

describe('the processes of a node', () => {
  test('are all five in start order when routes go by BGP', () => {
    const names = nodeComponents('native', layout).map((spec) => spec.name);
    expect(names).toEqual(['ipam', 'felix', 'bgp-daemon', 'confd', 'cni-server']);
  });

  test('are two BIRDs in place of our daemon, which wait for the files of confd', () => {
    const env = { CALICO_BIRD_CONFIG_DIR: '/bird' };
    const specs = nodeComponents('bird', { ...layout, env });
    expect(specs.map((spec) => spec.name)).toEqual(['ipam', 'felix', 'confd', 'bird', 'bird6', 'cni-server']);
    const bird6 = specs.find((spec) => spec.name === 'bird6');
    expect(bird6).toMatchObject({
      command: 'bird',
      args: ['-R', '-d', '-c', '/bird/bird6.cfg', '-s', '/run/calico/bird6.ctl'],
      needsFile: { path: '/bird/bird6.cfg', madeBy: 'confd' },
    });
  });

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['', false],
  ])("include Docker's drivers with CALICO_LIBNETWORK_ENABLED=%j: %s", (value, expected) => {
    const names = nodeComponents('none', { ...layout, env: { CALICO_LIBNETWORK_ENABLED: value } }).map(
      (spec) => spec.name,
    );
    expect(names.includes('libnetwork-plugin')).toBe(expected);
  });

  test('give confd its own log level', () => {
    const env = { CALICO_LOG_LEVEL: 'info', BGP_LOGSEVERITYSCREEN: 'Warning' };
    const levels = nodeComponents('native', { ...layout, env }).map((spec) => spec.env['CALICO_LOG_LEVEL']);
    expect(levels).toEqual(['info', 'info', 'info', 'warn', 'info']);
  });

  test('let Felix serve its health where its own variables say', () => {
    const env = { FELIX_HEALTHHOST: '::1', FELIX_HEALTHPORT: '9999' };
    const felix = nodeComponents('none', { ...layout, env }).find((spec) => spec.name === 'felix');
    expect(felix).toMatchObject({
      readinessUrl: 'http://[::1]:9999/readiness',
      env: { CALICO_HEALTH_ADDRESS: '[::1]:9999' },
    });
  });

  test.each(['none', 'vxlan'] as const)('leave BGP out for the back end %s', (backend) => {
    expect(nodeComponents(backend, layout).map((spec) => spec.name)).toEqual(['ipam', 'felix', 'cni-server']);
  });

  test('leave Felix out when it is disabled, and nothing waits for it', () => {
    const specs = nodeComponents('none', { ...layout, env: { CALICO_DISABLE_FELIX: 'true' } });
    expect(specs.map((spec) => spec.name)).toEqual(['ipam', 'cni-server']);
    expect(specs.at(-1)?.after).toEqual(['ipam']);
  });

  test('lie beside the bundle that runs, or in the sources', () => {
    const path = (ownFile: string): unknown => nodeComponents('none', { ...layout, ownFile }).at(-1)?.args;
    expect(path('/opt/lib/calico-node.mjs')).toEqual(['/opt/lib/cni-plugin.mjs', 'server']);
    expect(path('/src/apps/calico-node/src/main.ts')).toEqual(['/src/apps/cni-plugin/src/main.ts', 'server']);
  });

  test('each serve health at an address of their own, whatever ours is', () => {
    const env = { CALICO_HEALTH_ADDRESS: '127.0.0.1:9190' };
    const addresses = nodeComponents('native', { ...layout, env }).map((spec) => spec.env['CALICO_HEALTH_ADDRESS']);
    expect(new Set(addresses).size).toBe(5);
    expect(addresses).not.toContain('127.0.0.1:9190');
  });

  test("give Felix the node's name and datastore under its own names, unless it has them already", () => {
    const env = { ETCD_ENDPOINTS: 'http://e:1', ETCD_CA_CERT_FILE: '/ca', FELIX_ETCDCAFILE: '/own', X: 'y' };
    const felix = nodeComponents('native', { ...layout, env }).find((spec) => spec.name === 'felix');
    expect(felix?.argv0).toBe('calico-felix');
    expect(felix?.env).toMatchObject({
      FELIX_FELIXHOSTNAME: 'n1',
      FELIX_ETCDENDPOINTS: 'http://e:1',
      FELIX_ETCDCAFILE: '/own',
      X: 'y',
    });
  });
});
