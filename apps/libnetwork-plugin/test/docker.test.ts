/*
 * The plug-in under a real Docker engine: Debian's docker.io, started for these tests in a namespace of its own.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { engineProblem, eventually } from '@calico-node/lab/containers';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DockerNode, nodeName } from './support/docker-node.ts';

const problem = engineProblem();
if (problem !== undefined) console.warn(`skipped: the Docker plug-in under a real engine: ${problem}`);

const createNetwork = ['network', 'create', '--driver', 'calico', '--ipam-driver', 'calico-ipam'];
const keepRunning = ['box', 'sleep', '3600'];

describe.skipIf(problem !== undefined)('with a real Docker engine', () => {
  let node: DockerNode;
  const ok = (...args: string[]): Promise<string> => node.engine.ok(...args);
  const refusal = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await node.engine.docker(...args);
    expect(code).not.toBe(0);
    return stderr;
  };

  beforeAll(async () => {
    isolateNetwork();
    node = await DockerNode.start();
    await ok(...createNetwork, '--subnet', '10.81.0.0/24', 'red');
    await ok(...createNetwork, '--subnet', '10.82.0.0/24', 'blue');
  });

  afterAll(async () => {
    await node[Symbol.asyncDispose]();
  });

  test('a network whose subnet is no IP pool is refused, with the pools', async () => {
    const text = await refusal(...createNetwork, '--subnet', '10.99.0.0/24', 'other');
    expect(text).toContain('--subnet 10.99.0.0/24 is no Calico IP pool');
    expect(text).toContain('10.81.0.0/24 (red)');
  });

  test('what Calico networks do not have is refused by name', async () => {
    const subnet = ['--subnet', '10.81.0.0/24'];
    expect(await refusal(...createNetwork, ...subnet, '--internal', 'x')).toContain('com.docker.network.internal');
    expect(await refusal(...createNetwork, ...subnet, '--opt', 'a=b', 'x')).toMatch(/flag\(s\) a\b/);
    expect(await refusal(...createNetwork, ...subnet, '--ip-range', '10.81.0.0/28', 'x')).toContain('--ip-range');
    expect(await refusal(...createNetwork, ...subnet, '--gateway', '10.81.0.1', 'x')).toContain('--gateway');
    expect(await refusal('network', 'create', '--driver', 'calico', '--subnet', '10.81.0.0/24', 'x')).toContain(
      'Non-Calico IPAM driver is used',
    );
  });

  test('a container gets an address of its pool, the link-local gateway and a stored endpoint', async () => {
    const id = await ok('run', '-d', '--name', 'one', '--network', 'red', ...keepRunning);
    const endpoint = await node.endpointOf('one');
    const { endpoint: endpointId = '', interfaceName, ipNetworks = [], mac } = endpoint.spec;
    expect(endpoint.metadata.name).toBe(`${nodeName.replaceAll('-', '--')}-libnetwork-libnetwork-${endpointId}`);
    expect(endpoint.metadata.labels).toEqual({
      'projectcalico.org/namespace': 'libnetwork',
      'projectcalico.org/orchestrator': 'libnetwork',
    });
    expect(endpoint.spec).toMatchObject({
      orchestrator: 'libnetwork',
      workload: 'libnetwork',
      node: nodeName,
      profiles: ['red'],
    });
    expect(interfaceName).toBe(`cali${endpointId.slice(0, 11)}`);
    expect(ipNetworks).toEqual([expect.stringMatching(/^10\.81\.0\.\d+\/32$/)]);
    expect(node.hostInterfaces()).toEqual([interfaceName]);

    const inside = await ok('exec', id, 'ip', 'addr', 'show', 'cali0');
    expect(inside).toContain(`inet ${ipNetworks[0] ?? ''}`);
    expect(inside).toContain(`link/ether ${mac ?? ''}`);
    const routes = (await ok('exec', id, 'ip', 'route')).split('\n').map((line) => line.trim());
    expect(routes).toEqual(['default via 169.254.1.1 dev cali0', '169.254.1.1 dev cali0 scope link']);

    const profile = await node.profile('red');
    expect(profile.spec.ingress).toEqual([{ action: 'Allow', source: { selector: 'has(red)' } }]);
    expect(profile.spec.labelsToApply).toEqual({ red: '' });
    expect(await node.allocated()).toEqual([ipNetworks[0]?.split('/')[0]]);
    await ok('rm', '-f', 'one');
  });

  test('the gateway answers though the host has no default route', async () => {
    await ok('run', '-d', '--name', 'asking', '--network', 'red', ...keepRunning);
    expect(await ok('exec', 'asking', 'arping', '-c', '1', '-w', '5', '-I', 'cali0', '169.254.1.1')).toMatch(
      /ee:ee:ee:ee:ee:ee/i,
    );
    await ok('rm', '-f', 'asking');
  });

  test('a container that is removed leaves no address, interface or endpoint', async () => {
    await ok('run', '-d', '--name', 'going', '--network', 'red', ...keepRunning);
    expect(await node.allocated()).toHaveLength(1);
    await ok('rm', '-f', 'going');
    expect(await node.endpoints()).toEqual([]);
    expect(node.hostInterfaces()).toEqual([]);
    expect(await node.allocated()).toEqual([]);
  });

  test('--ip and --mac-address are given, and an address is given once', async () => {
    const chosen = ['--network', 'red', '--ip', '10.81.0.77'];
    await ok('run', '-d', '--name', 'chosen', ...chosen, '--mac-address', '02:00:00:00:00:77', ...keepRunning);
    const { spec } = await node.endpointOf('chosen');
    expect(spec).toMatchObject({ ipNetworks: ['10.81.0.77/32'], mac: '02:00:00:00:00:77' });
    expect(await ok('exec', 'chosen', 'ip', 'link', 'show', 'cali0')).toContain('02:00:00:00:00:77');
    expect(await refusal('run', '--rm', ...chosen, 'box', 'ip', 'addr')).toContain('10.81.0.77');
    await ok('rm', '-f', 'chosen');
    expect(await node.allocated()).toEqual([]);
  });

  test('labels of the container and of the endpoint become labels of the workload', async () => {
    const label = 'org.projectcalico.label.';
    const network = `name=red,driver-opt=${label}tier=db`;
    await ok('run', '-d', '--name', 'labelled', '--label', `${label}app=web`, '--network', network, ...keepRunning);
    await eventually(async () => {
      const { metadata } = await node.endpointOf('labelled');
      expect(metadata.labels, node.pluginOutput.slice(-2000)).toMatchObject({ app: 'web', tier: 'db' });
    });
    await ok('rm', '-f', 'labelled');
  });

  test('a network with two families gives both addresses and both gateways', async () => {
    const subnets = ['--subnet', '10.81.0.0/24', '--ipv6', '--subnet', 'fd81::/112'];
    await ok(...createNetwork, ...subnets, 'dual');
    await ok('run', '-d', '--name', 'dual', '--network', 'dual', ...keepRunning);
    const { spec } = await node.endpointOf('dual');
    expect(spec.ipNetworks).toEqual([expect.stringMatching(/^10\.81\.0\./), expect.stringMatching(/^fd81::.*\/128$/)]);
    expect(spec.profiles).toEqual(['red']);
    expect(await ok('exec', 'dual', 'ip', '-6', 'route')).toContain('default via fe80::ecee:eeff:feee:eeee dev cali0');
    await ok('rm', '-f', 'dual');
    await ok('network', 'rm', 'dual');
    expect(await node.allocated()).toEqual([]);
  });

  test('--ip and --ip6 choose the addresses of both families', async () => {
    await ok(...createNetwork, '--subnet', '10.81.0.0/24', '--ipv6', '--subnet', 'fd81::/112', 'chosen');
    const chosen = ['--network', 'chosen', '--ip', '10.81.0.78', '--ip6', 'fd81::78'];
    await ok('run', '-d', '--name', 'chosen', ...chosen, ...keepRunning);
    expect((await node.endpointOf('chosen')).spec.ipNetworks).toEqual(['10.81.0.78/32', 'fd81::78/128']);
    const inside = await ok('exec', 'chosen', 'ip', 'addr', 'show', 'cali0');
    expect(inside).toContain('inet 10.81.0.78/32');
    expect(inside).toContain('inet6 fd81::78/128');
    await ok('rm', '-f', 'chosen');
    await ok('network', 'rm', 'chosen');
    expect(await node.allocated()).toEqual([]);
  });

  test('a network of several subnets gives addresses of each, and is one network by one profile', async () => {
    await ok(...createNetwork, '--subnet', '10.81.0.0/24', '--subnet', '10.82.0.0/24', 'several');
    const run = async (name: string, ...more: string[]): Promise<unknown> => {
      await ok('run', '-d', '--name', name, '--network', 'several', ...more, ...keepRunning);
      const { ipNetworks, profiles } = (await node.endpointOf(name)).spec;
      return [ipNetworks, profiles];
    };
    expect(await run('several1', '--ip', '10.81.0.55')).toEqual([['10.81.0.55/32'], ['blue']]);
    expect(await run('several2', '--ip', '10.82.0.55')).toEqual([['10.82.0.55/32'], ['blue']]);
    expect(await run('several3')).toEqual([[expect.stringMatching(/^10\.8[12]\.0\.\d+\/32$/)], ['blue']]);
    await ok('rm', '-f', 'several1', 'several2', 'several3');
    await ok('network', 'rm', 'several');
    expect(await node.allocated()).toEqual([]);
  });

  test('a container is on one Calico network at a time, and a second is refused without a trace', async () => {
    await ok('run', '-d', '--name', 'one-only', '--network', 'red', ...keepRunning);
    const [address] = (await node.endpointOf('one-only')).spec.ipNetworks ?? [];
    expect(await refusal('network', 'connect', 'blue', 'one-only')).toContain('on a Calico network already');
    expect(await node.endpoints()).toHaveLength(1);
    expect(node.hostInterfaces()).toHaveLength(1);
    expect(await node.allocated()).toEqual([address?.split('/')[0]]);
    await ok('network', 'disconnect', 'red', 'one-only');
    await ok('network', 'connect', 'blue', 'one-only');
    expect((await node.endpointOf('one-only')).spec.profiles).toEqual(['blue']);
    expect(await ok('exec', 'one-only', 'ip', 'route')).toMatch(/^default via 169\.254\.1\.1 dev cali/m);
    await ok('rm', '-f', 'one-only');
    expect(await node.allocated()).toEqual([]);
  });

  test('a network with containers is not removed; once it is, no IP pool knows it, and none may join it', async () => {
    const id = await ok(...createNetwork, '--subnet', '10.82.0.0/24', 'brief');
    const noted = async (): Promise<boolean> =>
      JSON.stringify((await node.resources.get('IPPool', 'blue')).metadata.annotations ?? {}).includes(id);
    await ok('run', '-d', '--name', 'inside', '--network', 'brief', ...keepRunning);
    expect(await refusal('network', 'rm', 'brief')).toContain('active endpoints');
    expect((await node.endpointOf('inside')).spec.profiles).toEqual(['blue']);
    expect(await ok('exec', 'inside', 'ip', 'link', 'show', 'cali0')).toContain('UP');
    await ok('stop', '-t', '0', 'inside');
    expect(await node.allocated()).toEqual([]);
    expect(await noted()).toBe(true);
    await ok('network', 'rm', 'brief');
    expect(await noted()).toBe(false);
    expect(await refusal('start', 'inside')).toContain('not found');
    await ok('rm', '-f', 'inside');
    expect(await node.endpoints()).toEqual([]);
    expect(node.hostInterfaces()).toEqual([]);
  });

  test('a network without a subnet takes any pool, and has a profile of its own while it lives', async () => {
    const id = await ok(...createNetwork, 'any');
    const profile = `libnetwork.${id.slice(0, 12)}`;
    await ok('run', '-d', '--name', 'any', '--network', 'any', ...keepRunning);
    expect((await node.endpointOf('any')).spec.profiles).toEqual([profile]);
    expect((await node.profile(profile)).spec.labelsToApply).toEqual({ [profile]: '' });
    await ok('rm', '-f', 'any');
    await ok('network', 'rm', 'any');
    await expect(node.profile(profile)).rejects.toThrow(/does not exist/);
  });

  test('addresses come from the IPAM service while it is there, and have no handle', async () => {
    const serve = async (name: string): Promise<void> => {
      await ok('run', '-d', '--name', name, '--network', 'red', ...keepRunning);
      expect(await node.allocated()).toHaveLength(1);
      expect(await node.notes()).toEqual([expect.not.objectContaining({ handle_id: expect.anything() as unknown })]);
    };
    await serve('direct');
    await ok('rm', '-f', 'direct');
    await node.startIpam();
    await serve('served');
    await ok('rm', '-f', 'served');
    await node.stopIpam();
    expect(await node.allocated()).toEqual([]);
  });

  test('a plug-in that was killed and started again knows every network and container', async () => {
    await ok('run', '-d', '--name', 'before', '--network', 'red', ...keepRunning);
    await node.killPlugin();
    await node.startPlugin();
    await ok('run', '-d', '--name', 'after', '--network', 'red', ...keepRunning);
    expect((await node.endpointOf('after')).spec.profiles).toEqual(['red']);
    expect(await node.allocated()).toHaveLength(2);
    await ok('rm', '-f', 'before', 'after');
    expect(await node.endpoints()).toEqual([]);
    expect(node.hostInterfaces()).toEqual([]);
    expect(await node.allocated()).toEqual([]);
  });

  test('a Docker daemon that was killed attaches its containers anew, without a leak', async () => {
    const { engine } = node;
    const forever = ['--restart', 'always', '--stop-signal', 'SIGKILL'];
    await ok('run', '-d', '--name', 'kept', ...forever, '--network', 'red', '--ip', '10.81.0.99', ...keepRunning);
    const before = await node.endpointOf('kept');
    await engine.killDaemon();
    await engine.startDaemon();
    const after = await eventually(() => node.endpointOf('kept'));
    expect(after.spec.endpoint).not.toBe(before.spec.endpoint);
    await eventually(async () => {
      expect(await node.endpoints(), node.pluginOutput.slice(-2000)).toHaveLength(1);
      expect(await node.allocated()).toEqual(['10.81.0.99']);
    });
    expect(node.hostInterfaces()).toEqual([after.spec.interfaceName]);
    await ok('rm', '-f', 'kept');
    expect(await node.allocated()).toEqual([]);
  });

  test('what a daemon forgets is taken away', async () => {
    const { engine } = node;
    await ok('run', '-d', '--name', 'lost', '--stop-signal', 'SIGKILL', '--network', 'red', ...keepRunning);
    await engine.killDaemon();
    await engine.startDaemon();
    await eventually(async () => {
      expect(await node.endpoints(), node.pluginOutput.slice(-2000)).toEqual([]);
      expect(await node.allocated()).toEqual([]);
    });
    await ok('rm', '-f', 'lost');
  });

  test('containers of one network reach each other, those of another do not', async () => {
    await ok('run', '-d', '--name', 'red1', '--network', 'red', ...keepRunning);
    await ok('run', '-d', '--name', 'red2', '--network', 'red', ...keepRunning);
    // It finds containers that are attached already, as when it is started again.
    node.startFelix();
    await ok('run', '-d', '--name', 'blue1', '--network', 'blue', ...keepRunning);
    const addressOf = async (name: string): Promise<string> => {
      const [network = ''] = (await node.endpointOf(name)).spec.ipNetworks ?? [];
      return network.split('/')[0] ?? '';
    };
    const reaches = async (from: string, to: string): Promise<boolean> => {
      const { code } = await node.engine.docker('exec', from, 'ping', '-c', '1', '-W', '1', to);
      return code === 0;
    };
    const [red1, red2, blue1] = [await addressOf('red1'), await addressOf('red2'), await addressOf('blue1')];
    await eventually(async () => {
      expect(await reaches('red1', red2), node.felixOutput.slice(-1000)).toBe(true);
    });
    expect(await reaches('red2', red1)).toBe(true);
    expect(await reaches('red1', blue1)).toBe(false);
    expect(await reaches('blue1', red1)).toBe(false);
    await ok('run', '-d', '--name', 'blue2', '--network', 'blue', ...keepRunning);
    // Felix runs: Docker starts the container when its policy is in the kernel.
    expect(await reaches('blue2', blue1)).toBe(true);
    expect(await reaches('blue2', red1)).toBe(false);
    await ok('rm', '-f', 'red1', 'red2', 'blue1', 'blue2');
    expect(await node.allocated()).toEqual([]);
  });

  test('a daemon that keeps containers running while it is away finds them attached as they were', async () => {
    const { engine } = node;
    // For this engine from now on: the last test.
    writeFileSync(join(node.dir, 'etc-docker/daemon.json'), JSON.stringify({ 'live-restore': true }));
    await ok('run', '-d', '--name', 'living', '--network', 'red', ...keepRunning);
    const [before, pid] = [await node.endpointOf('living'), await ok('inspect', '-f', '{{.State.Pid}}', 'living')];
    await engine.killDaemon();
    await engine.startDaemon();
    expect(await ok('inspect', '-f', '{{.State.Pid}}', 'living')).toBe(pid);
    expect(await node.endpointOf('living')).toEqual(before);
    expect(await ok('exec', 'living', 'ip', 'addr', 'show', 'cali0')).toContain(before.spec.ipNetworks?.[0]);
    await ok('rm', '-f', 'living');
    expect(await node.endpoints()).toEqual([]);
    expect(node.hostInterfaces()).toEqual([]);
    expect(await node.allocated()).toEqual([]);
  });
});
