import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { connectDatastore, loadDatastoreConfig, type Backend } from '@calico-node/datastore';
import { freePort, startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { encodeResource, parseResource, resourceKey } from '@calico-node/model';
import { parseCidr } from '@calico-node/net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderBirdFiles } from '../src/bird/render-bird.ts';
import { configuration, node, peer, store } from '../src/derive/fixtures.ts';
import { birdCommands } from '../src/files/bird-commands.ts';
import { writeFileSet } from '../src/files/file-set-writer.ts';
import { BirdRig, until, type BirdNode } from './bird-rig.ts';

const confdMain = join(import.meta.dirname, '../src/main.ts');
const daemonMain = join(import.meta.dirname, '../../bgp-daemon/src/main.ts');

let rig: BirdRig;
/** The node under test, and the two that it peers with. */
let ours: BirdNode;
let peers: readonly [BirdNode, BirdNode];
let etcd: EtcdProcess;
let backend: Backend;
let healthPort: number;
const children: ChildProcess[] = [];

beforeEach(async () => {
  rig = new BirdRig();
  ours = rig.addNode();
  peers = [rig.addNode(), rig.addNode()];
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: environment() }));
  healthPort = await freePort();
});

afterEach(async () => {
  for (const child of children.splice(0)) await end(child);
  backend.close();
  await etcd.stop();
  await rig.close();
});

function environment(): Record<string, string> {
  return {
    ETCD_ENDPOINTS: etcd.endpoints.join(','),
    DATASTORE_TYPE: 'etcdv3',
    CALICO_RUN_DIR: ours.directory,
    CALICO_LIB_DIR: ours.directory,
    NODENAME: 'n1',
    NODE_OPTIONS: process.env['NODE_OPTIONS'] ?? '',
    PATH: process.env['PATH'] ?? '',
  };
}

function start(command: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { env: environment(), stdio: 'ignore' });
  children.push(child);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

const startConfd = (name: string): ChildProcess =>
  start(
    process.execPath,
    ...[confdMain, '--backend', name, '--log-level', 'fatal', '--health-address', `127.0.0.1:${healthPort}`],
    ...(name === 'bird' ? ['--bird', ours.directory] : []),
  );

async function put(kind: string, name: string, spec: object): Promise<void> {
  const resource = parseResource({ apiVersion: 'projectcalico.org/v3', kind, metadata: { name }, spec });
  await backend.put(resourceKey(resource.kind, name), encodeResource(resource));
}

/** Waits until confd has read the store, and the daemon has what it says. */
async function ready(): Promise<void> {
  let isReady = false;
  await until(
    'readiness',
    () => {
      void fetch(`http://127.0.0.1:${healthPort}/readiness`).then(
        ({ ok }) => (isReady = ok),
        () => undefined,
      );
      return isReady;
    },
    (holds) => holds,
  );
}

const nodes = [1, 2, 3].map((number) => node(`n${number}`, { ipv4Address: `10.9.0.${number}/24` }));

/**
 * A peer that is always the same: a BIRD whose files nobody changes. It waits for us: where two BIRDs connect to each
 * other at once, the one may take the other's second connection for a restart, and the session comes up twice.
 */
async function startPeer(number: number, host: BirdNode): Promise<void> {
  const resources = store({
    nodes,
    blocks: [{ cidr: parseCidr(`10.65.${number}.0/26`), state: 'confirmed' }],
    configurations: [configuration({ nodeToNodeMeshEnabled: false })],
    peers: [peer('back', { peerIP: '10.9.0.1', node: `n${number}` })],
  });
  const { check } = birdCommands({ controlDir: host.directory });
  const { signal } = new AbortController();
  for (const set of renderBirdFiles(resources, { nodeName: `n${number}` }).config) {
    const files = set.files.map((file) => ({
      ...file,
      text: file.text.replace('connect delay', 'passive; connect delay'),
    }));
    await writeFileSet({ ...set, files }, host.directory, check, signal);
  }
  host.start('bird');
}

/** What the peer says of the session. A birdc that got no answer says nothing. */
const session = (host: BirdNode): string =>
  /^Node_10_9_0_1 .*$/m.exec(host.birdc('bird', 'show', 'protocols'))?.[0] ?? '';

/** The connection of the session once it is up. BIRD's times of one event differ by milliseconds. */
async function established(host: BirdNode): Promise<string> {
  await until(
    'session',
    () => session(host),
    (line) => line.includes('Established'),
  );
  return host.connections();
}

describe('the sessions of a node', () => {
  it.each(['native', 'bird'])(
    'outlive restarts of confd and of the store, and changes of other peers: %s',
    async (name) => {
      const [first, second] = peers;
      for (const { metadata, spec } of nodes) await put('Node', metadata.name, spec);
      await put('BGPConfiguration', 'default', { nodeToNodeMeshEnabled: false });
      for (const number of [2, 3]) await put('BGPPeer', `p${number}`, { node: 'n1', peerIP: `10.9.0.${number}` });
      await startPeer(2, first);
      await startPeer(3, second);

      let confd = startConfd(name);
      if (name === 'native') {
        const args = ['--log-level', 'error', '--health-address', 'off'];
        start('nsenter', `--net=/run/netns/${ours.namespace}`, process.execPath, daemonMain, ...args);
      } else {
        await until(
          'files',
          () => ours.has('bird.cfg') && ours.has('bird6.cfg'),
          (areThere) => areThere,
        );
        for (const bird of ['bird', 'bird6']) ours.start(bird);
      }
      await ready();
      const before = [await established(first), await established(second)];

      await end(confd);
      confd = startConfd(name);
      await ready();
      await etcd.kill9();
      await etcd.restart();
      await put('IPPool', 'later', { cidr: '10.70.0.0/16' });
      expect([await established(first), await established(second)]).toEqual(before);

      await put('BGPPeer', 'p3', { node: 'n1', peerIP: '10.9.0.3', asNumber: 65999 });
      await until(
        'the change',
        () => session(second),
        (line) => line !== '' && !line.includes('Established'),
      );
      await put('BGPPeer', 'p3', { node: 'n1', peerIP: '10.9.0.3' });
      expect(await established(second)).not.toBe(before[1]);
      expect(await established(first)).toBe(before[0]);
    },
    90_000,
  );
});
