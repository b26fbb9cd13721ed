/** Two nodes with all their processes, over IP-in-IP and then over WireGuard. */
import { setTimeout as delay } from 'node:timers/promises';
import { hasLinkKind } from '@calico-node/netlink';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attach, calicoctl, down, findNode, type LabState, onNode, up } from '../src/index.ts';
import { everything, expectMatrixOf, policy, underWebOnly, webOnly } from './support/matrix.ts';

const isPossible = hasLinkKind('ipip') && hasLinkKind('wireguard');
if (!isPossible) {
  console.warn('skipped: nodes over IP-in-IP and WireGuard: this kernel has no such devices; `make test-vm` runs them');
}

const PATIENCE_MS = 300_000;
const slow = { timeout: 2 * PATIENCE_MS, retry: 0 };
const name = `v${process.pid.toString(36)}`.slice(0, 12);

describe.skipIf(!isPossible)('two nodes', () => {
  let state: LabState;
  const quiet = (): void => undefined;
  const on = async (node: string, command: string, ...args: readonly string[]): Promise<string> =>
    (await onNode(state, findNode(state.plan, node), command, args)).stdout;
  const routes = (node: string): Promise<string> => on(node, 'ip', 'route');

  /** Waits until what `look` gives matches that often; fails with what it gave last. */
  async function sees(look: () => Promise<string>, pattern: RegExp, count = 1): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const text = await look();
      if ([...text.matchAll(pattern)].length === count) return;
      if (Date.now() > deadline) throw new Error(`not ${count} times ${pattern.source} in: ${text}`);
      await delay(500);
    }
  }

  /** Packets that came out of a node's tunnel device. */
  async function received(node: string, device: string): Promise<number> {
    const text = await on(node, 'ip', '-j', '-s', 'link', 'show', device);
    return (JSON.parse(text) as [{ stats64: { rx: { packets: number } } }])[0].stats64.rx.packets;
  }

  /** All workloads reach each other, those of the two nodes through the device. */
  async function expectTraffic(device: string): Promise<void> {
    const before = await received('node1', device);
    await expectMatrixOf(state, everything, PATIENCE_MS);
    expect(await received('node1', device)).toBeGreaterThan(before);
  }

  async function expectPolicy(): Promise<void> {
    await calicoctl(state, ['apply', '-f', '-'], policy(webOnly));
    await expectMatrixOf(state, underWebOnly, PATIENCE_MS);
    await calicoctl(state, ['delete', 'gnp', 'db']);
  }

  /** Writes the global configuration of one kind, whole. */
  const configure = (kind: string, spec: string): Promise<string> =>
    calicoctl(
      state,
      ['apply', '-f', '-'],
      `{apiVersion: projectcalico.org/v3, kind: ${kind}, metadata: {name: default}, spec: ${spec}}`,
    );
  const setIpip = (mode: string): Promise<string> =>
    calicoctl(state, ['patch', 'ippool', 'default-ipv4-ippool', '-p', JSON.stringify({ spec: { ipipMode: mode } })]);

  beforeAll(async () => {
    // To node2, node1 is in another subnet.
    const settings = { node2: { IP: '172.28.0.12/32' } };
    state = await up({ name, nodes: 2, settings, readyTimeoutMs: PATIENCE_MS }, quiet);
    const requests = state.plan.nodes.flatMap((node, index) =>
      ['web', 'db'].map((app) => ({ node: node.name, name: `${app}${index + 1}`, labels: { app } })),
    );
    state = await attach(state, requests, quiet);
  }, 3 * PATIENCE_MS);

  afterAll(() => down(name), PATIENCE_MS);

  test('go through IP-in-IP to other subnets only, over routes of the BGP daemon, with CrossSubnet', slow, async () => {
    await setIpip('CrossSubnet');
    await sees(() => routes('node2'), /via 172.28.0.11 dev tunl0 proto bird onlink/g);
    await sees(() => routes('node1'), /via 172.28.0.12 dev eth0 proto bird/g);
    await sees(() => on('node1', 'ip', 'address', 'show', 'tunl0'), /inet 10\.244\.\S+\/32/g);
    await expectTraffic('tunl0');
  });

  test('go through IP-in-IP everywhere with Always, under policy', slow, async () => {
    await setIpip('Always');
    await sees(() => routes('node1'), /via 172.28.0.12 dev tunl0 proto bird onlink/g);
    expect(await routes('node2')).toContain('via 172.28.0.11 dev tunl0 proto bird onlink');
    await expectPolicy();
    await expectTraffic('tunl0');
  });

  test('go through IP-in-IP over Felix’s own routes', slow, async () => {
    await configure('FelixConfiguration', '{programClusterRoutes: EnabledIPIPOnly}');
    await configure('BGPConfiguration', '{programClusterRoutes: EnabledNoEncapOnly}');
    for (const node of ['node1', 'node2']) await sees(() => routes(node), / dev tunl0 proto 80 onlink/g);
    await expectTraffic('tunl0');
  });

  test('encrypt with WireGuard when it is switched on, and no longer when it is switched off', slow, async () => {
    await configure('FelixConfiguration', '{wireguardEnabled: true, programClusterRoutes: EnabledIPIPOnly}');
    const nodes = (): Promise<string> => calicoctl(state, ['get', 'nodes', '-o', 'json']);
    await sees(nodes, /"wireguardPublicKey": *"[^"]{44}"/g, 2);
    await sees(nodes, /"interfaceIPv4Address"/g, 2);
    const table = (): Promise<string> => on('node1', 'ip', 'route', 'show', 'table', '1');
    await sees(table, /^10\.244\.\S+\/26 dev wireguard\.cali proto 80 scope link/gm);
    await expectPolicy();
    await expectTraffic('wireguard.cali');

    const [key1 = '', key2 = ''] = [...(await nodes()).matchAll(/"wireguardPublicKey": *"([^"]+)"/g)].map(
      ([, key]) => key,
    );
    const metrics = await on(
      'node1',
      process.execPath,
      '-e',
      "fetch('http://127.0.0.1:9099/metrics').then(async (answer) => console.log(await answer.text()))",
    );
    expect(metrics).toContain(
      `wireguard_meta{hostname="node1",public_key="${key1}",iface="wireguard.cali",listen_port="51820"} 1\n`,
    );
    const peer = `{hostname="node1",public_key="${key1}",peer_key="${key2}",peer_endpoint="172.28.0.12:51820"}`;
    for (const gauge of ['bytes_rcvd', 'bytes_sent', 'latest_handshake_seconds']) {
      const [, value] = metrics.split(`\nwireguard_${gauge}${peer} `);
      expect(Number.parseInt(value ?? '')).toBeGreaterThan(0);
    }

    await configure('FelixConfiguration', '{wireguardEnabled: false, programClusterRoutes: EnabledIPIPOnly}');
    await sees(nodes, /wireguardPublicKey/g, 0);
    await sees(() => on('node1', 'ip', '-br', 'link', 'show', 'type', 'wireguard'), /./g, 0);
    await expectTraffic('tunl0');
  });
});
