import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bgpV1, RpcError, serveUnix, unary } from '@calico-node/rpc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeIo } from '../src/fake-io.ts';
import { runCalicoctl } from '../src/program.ts';
import type { Result } from './cli.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'calicoctl-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Runs calicoctl with an environment of its own: nothing of the host's but `PATH`. */
async function calicoctl(args: readonly string[], env: Record<string, string> = {}, isRoot = true): Promise<Result> {
  const io = fakeIo({
    isRoot,
    env: {
      DATASTORE_TYPE: 'etcdv3',
      ETCD_ENDPOINTS: 'http://192.0.2.1:2379',
      CALICO_RUN_DIR: directory,
      CALICO_LIB_DIR: directory,
      PATH: process.env['PATH'] ?? '',
      ...env,
    },
  });
  const code = await runCalicoctl(args, io);
  return { code, stdout: io.stdout, stderr: io.stderr };
}

describe('node run', () => {
  it('prints the command that it would run', async () => {
    const { code, stdout } = await calicoctl(['node', 'run', '--dryrun', '--name=n1', '--as=1.1', '--ip=10.0.0.1']);
    expect(code).toBe(0);
    expect(stdout).toBe(`Use the following command to start the calico/node container:

docker run --net=host --read-only --cap-drop=ALL --cap-add=NET_ADMIN --cap-add=NET_RAW --cap-add=NET_BIND_SERVICE --cap-add=SYS_ADMIN --security-opt=no-new-privileges --tmpfs=/etc/calico/confd/config:size=16m,mode=0700 --name=calico-node -d --restart=always -e NODENAME=n1 -e CALICO_NETWORKING_BACKEND=bird -e CALICO_MANAGE_CNI=false -e AS=65537 -e IP=10.0.0.1 -e ETCD_ENDPOINTS=http://192.0.2.1:2379 -e ETCD_DISCOVERY_SRV= -v /var/log/calico:/var/log/calico -v /var/run/calico:/var/run/calico -v /var/lib/calico:/var/lib/calico -v /run/netns:/run/netns:rslave -v /run/xtables.lock:/run/xtables.lock -v /proc/sys/net:/host/proc/sys/net calico-node:latest

If you are running calico/node in an init system, use the --init-system flag
to display the appropriate start and stop commands.
`);
    const systemd = await calicoctl([
      'node',
      'run',
      '--dryrun',
      '--init-system',
      '--node-image=registry.example/calico/node:v3.32.1',
    ]);
    expect(systemd.stdout).toMatch(/--name=calico-node --rm -e .* registry\.example\/calico\/node:v3\.32\.1\n/);
    expect(systemd.stdout).toContain('docker stop calico-node');
  });

  it('takes certificates by file from the configuration', async () => {
    const file = join(directory, 'calicoctl.cfg');
    for (const name of ['ca', 'key', 'cert']) writeFileSync(join(directory, name), 'PEM');
    const spec = {
      datastoreType: 'etcdv3',
      etcdEndpoints: 'https://192.0.2.2:2379',
      etcdCACertFile: join(directory, 'ca'),
      etcdKeyFile: join(directory, 'key'),
      etcdCertFile: join(directory, 'cert'),
    };
    const config = { apiVersion: 'projectcalico.org/v3', kind: 'CalicoAPIConfig', metadata: {}, spec };
    writeFileSync(file, JSON.stringify(config));
    const { stdout } = await calicoctl(['node', 'run', '--dryrun', '-c', file]);
    expect(stdout).toContain('-e ETCD_ENDPOINTS=https://192.0.2.2:2379 ');
    expect(stdout).toContain(`-v ${join(directory, 'key')}:/etc/calico/certs/key.pem `);
    const { etcdCACertFile: _file, ...inline } = spec;
    writeFileSync(file, JSON.stringify({ ...config, spec: { ...inline, etcdCACert: 'PEM' } }));
    expect((await calicoctl(['node', 'run', '--dryrun', '-c', file])).stderr).toContain('use etcdCACertFile');
  });

  it.each([
    [['--ip=fd00::1'], '--ip is wrong IP version'],
    [['--ip6=10.0.0.1'], '--ip6 is wrong IP version'],
    [['--ip=10.0.0'], 'invalid IP address'],
    [['--as=x'], 'invalid AS Number specified: x'],
    [['--backend=gobgp'], "unknown backend 'gobgp'"],
    [['--backend=native', '--node-image=calico/node:v3.32.1'], "calico/node:v3.32.1 has no backend 'native'"],
    [['--ip-autodetection-method=best'], 'invalid IP autodetection method: best'],
    [['--ip6-autodetection-method=interface=('], 'invalid interface regex'],
    [['--ip-autodetection-method=can-reach=::1'], 'does not resolve to an IPv4 address: ::1'],
    [['-c', '/nonexistent'], 'Error reading config file: /nonexistent'],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await calicoctl(['node', 'run', '--dryrun', ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  it('is for root, and for etcd', async () => {
    expect((await calicoctl(['node', 'run'], {}, false)).stderr).toContain('Operation not permitted');
    expect((await calicoctl(['node', 'run', '--dryrun'], { ETCD_ENDPOINTS: '' })).code).toBe(1);
  });

  /** A `docker` that notes what it is asked; in a container, so that the host's kernel is left alone. */
  function withDocker(logs: string, exitCode = 0): Record<string, string> {
    const docker = join(directory, 'docker');
    const script = `#!/bin/sh
echo "$*" >> ${join(directory, 'calls')}
[ "$1" = run ] && echo "$ETCD_PASSWORD" >> ${join(directory, 'secret')}
[ "$1" = run ] && { echo "no such image"; exit ${exitCode}; }
[ "$1" = logs ] && printf '${logs}'
exit 0
`;
    writeFileSync(docker, script);
    chmodSync(docker, 0o755);
    return {
      CALICO_CTL_CONTAINER: 'TRUE',
      PATH: `${directory}:${process.env['PATH'] ?? ''}`,
      ETCD_USERNAME: 'u',
      ETCD_PASSWORD: 'hunter2',
    };
  }

  it('starts the container in place of an old one, and waits for it', async () => {
    const { code, stdout } = await calicoctl(
      ['node', 'run'],
      withDocker('starting\\nCalico node started successfully\\n'),
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Removing old calico-node container/);
    expect(stdout).toMatch(/checking progress logs\.\n\nstarting\nCalico node started successfully\n$/);
    expect(stdout).not.toContain('hunter2');
    const calls = readFileSync(join(directory, 'calls'), 'utf8').split('\n');
    expect(calls[0]).toBe('rm -f calico-node');
    expect(calls[1]).toMatch(/^run --net=host --read-only --cap-drop=ALL /);
    expect(calls[2]).toBe('logs --follow calico-node');
    expect(readFileSync(join(directory, 'secret'), 'utf8')).toBe('hunter2\n');
  });

  it('fails when the node ends, or docker does', async () => {
    expect((await calicoctl(['node', 'run'], withDocker('bad configuration\\n'))).stderr).toContain('has terminated');
    expect((await calicoctl(['node', 'run'], withDocker('', 125))).stderr).toBe(
      'error executing command: exit status 125\n | no such image\n',
    );
    expect((await calicoctl(['node', 'run'], { CALICO_CTL_CONTAINER: 'TRUE', PATH: '/nonexistent' })).stderr).toContain(
      'ENOENT',
    );
  });
});

describe('node checksystem', () => {
  it('looks into the kernel configuration that it is given', async () => {
    const config = join(directory, 'config');
    const options = ['NETFILTER_XT_MATCH_IPVS', 'VFIO', 'IP_SET', 'IP_NF_IPTABLES', 'NFT_REJECT', 'NF_CT_NETLINK'];
    const matches = ['NETFILTER_XT_MATCH_ADDRTYPE', 'NETFILTER_XT_MATCH_CONNTRACK', 'NETFILTER_XT_MARK'];
    const others = ['NETFILTER_XT_MATCH_MULTIPORT', 'IP_NF_MATCH_RPFILTER', 'NETFILTER_XT_SET'];
    writeFileSync(config, [...options, ...matches, ...others].map((name) => `CONFIG_${name}=y\n`).join(''));
    const { code, stdout } = await calicoctl(['node', 'checksystem', '-f', config]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Checking kernel version\.\.\.\n\t\t\S+ *\t\t\t\t\tOK\nChecking kernel modules\.\.\.\n/);
    expect(stdout).toContain('\t\txt_set              \t\t\t\t\tOK\n');
    expect(stdout).toMatch(/System meets minimum system requirements to run Calico!\n$/);
  });

  it('says what it can not read, and is for root', async () => {
    expect((await calicoctl(['node', 'checksystem', '-f', '/nonexistent'])).stderr).toContain('/nonexistent');
    expect((await calicoctl(['node', 'checksystem'], {}, false)).stderr).toContain('Operation not permitted');
  });
});

describe('node diags', () => {
  const unused = unary(() => {
    throw new RpcError('UNIMPLEMENTED', 'not needed here');
  });

  /** The files of the archive, by name, and what was said. */
  async function diags(env: Record<string, string> = {}): Promise<{ stdout: string; read: (name: string) => string }> {
    const logs = join(directory, 'logs');
    mkdirSync(join(logs, 'felix'), { recursive: true });
    writeFileSync(join(logs, 'felix', 'current'), 'connecting with password=hunter2\n');
    writeFileSync(join(directory, 'bgp-config.json'), '{"neighbors":[{"password":"hunter2"}]}');
    const { code, stdout, stderr } = await calicoctl(['node', 'diags', `--log-dir=${logs}`], {
      ETCD_PASSWORD: 'hunter2',
      ...env,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const archive = /^Diags saved to (.*)$/m.exec(stdout)?.[1] ?? '';
    try {
      execFileSync('tar', ['-xzf', archive, '-C', directory]);
    } finally {
      rmSync(dirname(archive), { recursive: true, force: true });
    }
    return { stdout, read: (name) => readFileSync(join(directory, 'diagnostics', name), 'utf8') };
  }

  it("collects the host's state, the daemons' answers and logs, without secrets", async () => {
    const peers = [bgpV1.Peer.fromPartial({ name: 'Mesh_10_0_0_2', address: '10.0.0.2' })];
    await using _server = await serveUnix(join(directory, 'bgp.sock'), [
      [
        bgpV1.BgpServiceService,
        {
          applyConfig: unused,
          getConfig: unused,
          listPeers: unary(() => ({ peers })),
          listRoutes: unused,
          getStatus: unused,
        },
      ],
    ]);
    const { stdout, read } = await diags();
    expect(stdout).toMatch(/^Collecting diagnostics\nUsing temp dir: /);
    expect(read('ipv4_route')).toContain('table local');
    expect(read('ipv4_rule')).toContain('lookup main');
    expect(read('links')).toContain('lo:');
    expect(JSON.parse(read('services/bgp_peers.json'))).toMatchObject({ peers: [{ address: '10.0.0.2' }] });
    expect(stdout).toContain('Skipped felix_endpoints.json: its process does not answer\n');
    expect(read('logs/felix/current')).toBe('connecting with password=[redacted]\n');
    expect(read(`files${join(directory, 'bgp-config.json')}`)).toBe('{"neighbors":[{"password":"[redacted]"}]}');
    expect(read('environment')).toContain('ETCD_PASSWORD=[redacted]\n');
    for (const entry of readdirSync(join(directory, 'diagnostics'), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) expect(readFileSync(join(entry.parentPath, entry.name), 'utf8')).not.toContain('hunter2');
    }
  });

  it('names every tool that is missing, and goes on', async () => {
    const { stdout, read } = await diags({ PATH: directory });
    for (const tool of ['nft', 'ip', 'ipset', 'iptables-save', 'docker'])
      expect(stdout).toContain(`${tool} is not installed\n`);
    expect(read('missing')).toContain('Skipped nft_ruleset: nft is not installed\n');
    expect(read('logs/felix/current')).toContain('[redacted]');
  });

  it('is for root', async () => {
    expect((await calicoctl(['node', 'diags'], {}, false)).stderr).toContain('Operation not permitted');
  });
});
