import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { renderBirdFiles } from '../src/bird/render-bird.ts';
import { block, configuration, node, peer, pool, store } from '../src/derive/fixtures.ts';
import { renderBgpConfig } from '../src/render/render.ts';
import { BirdRig, until, type BirdNode } from './bird-rig.ts';

const daemonMain = join(import.meta.dirname, '../../bgp-daemon/src/main.ts');

let rig: BirdRig;
const daemons: ChildProcess[] = [];

beforeEach(() => {
  rig = new BirdRig();
});

afterEach(async () => {
  for (const daemon of daemons.splice(0)) {
    if (daemon.exitCode !== null || daemon.signalCode !== null) continue;
    const gone = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await gone;
  }
  await rig.close();
});

const resources = store({
  nodes: [
    node('n1', { ipv4Address: '10.9.0.1/24', routeReflectorClusterID: '244.0.0.1' }),
    ...[2, 3, 4].map((number) => node(`n${number}`, { ipv4Address: `10.9.0.${number}/24` })),
  ],
  configurations: [configuration({ nodeToNodeMeshEnabled: false })],
  peers: [peer('reflector', { nodeSelector: 'all()', peerIP: '10.9.0.1' })],
  pools: [pool('workloads', { cidr: '10.65.0.0/16' })],
});

/** Our own daemon, with what confd would hand it as its file. */
function startOurs(name: string, host: BirdNode): void {
  const file = join(host.directory, 'bgp.json');
  const { config } = renderBgpConfig(resources, { nodeName: name });
  writeFileSync(file, JSON.stringify(config));
  const args = ['--config', file, '--log-level', 'fatal', '--health-address', 'off'];
  daemons.push(
    spawn('nsenter', [`--net=/run/netns/${host.namespace}`, process.execPath, daemonMain, ...args], {
      env: { ...process.env, CALICO_RUN_DIR: host.directory, CALICO_LIB_DIR: host.directory },
      stdio: 'ignore',
    }),
  );
}

function startBird(name: string, host: BirdNode, cidr: string): void {
  const { config } = renderBirdFiles({ ...resources, blocks: [block(cidr)] }, { nodeName: name });
  for (const { name: file, text } of config.flatMap(({ files }) => files)) {
    writeFileSync(join(host.directory, file), text);
  }
  host.start('bird');
}

it('a reflector tells of all nodes that have an address, and their peers use them all', async () => {
  const [reflector, first, second, client] = [1, 2, 3, 4].map(() => rig.addNode());
  for (const host of [first!, second!]) {
    host.addLink('cali1');
    host.ip('route', 'add', '10.65.9.9/32', 'dev', 'cali1', 'proto', 'boot');
  }
  startBird('n2', first!, '10.65.2.0/26');
  startBird('n3', second!, '10.65.3.0/26');
  startOurs('n1', reflector!);
  startOurs('n4', client!);
  const ways = (): string => client!.ip('route', 'show', '10.65.9.9').replaceAll(/\s+/g, ' ');
  const both = await until('both ways', ways, (text) => text.includes('10.9.0.2') && text.includes('10.9.0.3'));
  expect(both.match(/nexthop/g)).toHaveLength(2);
  second!.ip('route', 'del', '10.65.9.9/32', 'dev', 'cali1');
  await until('the one that is left', ways, (text) => text.startsWith('10.65.9.9 via 10.9.0.2 '));
}, 60_000);
