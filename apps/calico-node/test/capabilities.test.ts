/*
 * Each capability that a node is given is needed: what does not work without it, and that the node says so. That the four
 * are enough is shown by the image's own tests (libs/lab/test/containers.test.ts).
 */
import { createNetns, deleteNetns } from '@calico-node/netlink';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { finish, type Finished, NodeRig } from './node-rig.ts';

const apps = join(import.meta.dirname, '../..');
const client = join(apps, '../dist/bin/calico');
const workload = `cnt-cap-${process.pid.toString(36)}`;
let rig: NodeRig;

/** Runs a program as root with these capabilities and no others. */
function withOnly(capabilities: readonly string[], command: string, args: readonly string[]): ChildProcess {
  const bounding = `--bounding-set=-all${capabilities.map((name) => `,+${name}`).join('')}`;
  return rig.spawn('setpriv', ['--no-new-privs', '--inh-caps=-all', bounding, '--', command, ...args]);
}

function attach(): Promise<Finished> {
  const network = { name: 't', cniVersion: '1.0.0', type: 'calico', nodename: 'n1', ipam: { type: 'calico-ipam' } };
  const store = { datastore_type: 'etcdv3', etcd_endpoints: rig.etcd.endpoints[0] };
  const child = rig.spawn('sh', ['-c', 'echo "$0" | "$1"', JSON.stringify({ ...network, ...store }), client], {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: workload,
    CNI_NETNS: `/run/netns/${workload}`,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/usr/bin',
    CNI_ARGS: 'IgnoreUnknown=1',
  });
  return finish(child);
}

beforeAll(async () => {
  rig = await NodeRig.start({ CALICO_MANAGE_CNI: 'false' });
  createNetns(workload);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  deleteNetns(workload);
});

test('NET_ADMIN: without it Felix ends at once', async () => {
  const felix = withOnly(['net_raw'], process.execPath, [join(apps, 'felix/src/main.ts'), '--health-address=off']);
  const { code, stderr } = await finish(felix);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/EPERM|permission denied/i);
});

test('NET_RAW: without it iptables-legacy cannot be used', async () => {
  expect((await finish(withOnly(['net_admin', 'net_raw'], 'iptables-legacy', ['-S']))).code).toBe(0);
  expect((await finish(withOnly(['net_admin'], 'iptables-legacy', ['-S']))).stderr).toMatch(/denied/i);
});

test('NET_BIND_SERVICE and SYS_ADMIN: without them no BGP, and no workload', { timeout: 60_000 }, async () => {
  const node = withOnly(['net_admin', 'net_raw'], process.execPath, [join(apps, 'calico-node/src/main.ts')]);
  for (const stream of [node.stdout, node.stderr]) stream?.resume();
  const causes = async (): Promise<readonly string[]> => {
    const status = await rig.status().catch(() => undefined);
    return status?.causes ?? [];
  };
  await expect
    .poll(causes, { timeout: 30_000 })
    .toEqual([expect.stringMatching(/^bgp-daemon: .*cannot listen on 0\.0\.0\.0 port 179: EACCES.*NET_BIND_SERVICE/)]);
  const { code, stdout } = await attach();
  expect(code).not.toBe(0);
  expect(stdout).toMatch(/setns .*EPERM/);
});
