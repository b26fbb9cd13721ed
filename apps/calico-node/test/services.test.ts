import { execFileSync } from 'node:child_process';
import { connectDatastore, loadDatastoreConfig, Resources, type Backend } from '@calico-node/datastore';
import { startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { Ipam } from '@calico-node/ipam';
import type { IPPool, Node } from '@calico-node/model';
import { cidrContains, parseCidr, parseIp, parseNodeName, type IpAddress } from '@calico-node/net';
import { createLogger } from '@calico-node/service';
import { isolateNetwork } from '@calico-node/netlink';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { monitorAddresses } from '../src/services/monitor-addresses.ts';
import { keepTunnels } from '../src/services/tunnels/keep-tunnels.ts';
import { reconcileTunnels } from '../src/services/tunnels/tunnel-addresses.ts';
import { readStartupConfig } from '../src/startup/startup-config.ts';

isolateNetwork();

const apiVersion = 'projectcalico.org/v3';
const log = createLogger('test', 'silent');
const publicKey = 'jlkVyQYooZYzI2wFfNhSZez5eWh44yfq1wKVjLvSXgY=';

let etcd: EtcdProcess;
let backend: Backend;
let resources: Resources;
let ipam: Ipam;
let stop: AbortController;

beforeAll(async () => {
  etcd = await startEtcd();
  backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_ENDPOINTS: etcd.endpoints[0] } }));
  resources = new Resources(backend);
  ipam = new Ipam(backend);
});

afterAll(async () => {
  backend.close();
  await etcd.stop();
});

beforeEach(async () => {
  stop = new AbortController();
  await resources.create({ kind: 'Node', apiVersion, metadata: { name: 'n1', labels: { zone: 'a' } }, spec: {} });
});

afterEach(async () => {
  stop.abort();
  for (const { key } of (await backend.list('/calico/')).items) await backend.delete(key);
});

const node = (): Promise<Node> => resources.get('Node', 'n1');

function pool(name: string, spec: IPPool['spec']): Promise<unknown> {
  return resources.create({ kind: 'IPPool', apiVersion, metadata: { name }, spec: { nodeSelector: 'all()', ...spec } });
}

async function change(name: string, spec: Partial<IPPool['spec']>): Promise<void> {
  const stored = await resources.get('IPPool', name);
  await resources.update({ ...stored, spec: { ...stored.spec, ...spec } });
}

function reconcile(): Promise<void> {
  return reconcileTunnels({ nodeName: 'n1', resources, ipam, log, signal: stop.signal });
}

describe('tunnel addresses', () => {
  test('are taken for each kind that the pools and the node ask for, with the handles and attributes of Calico', async () => {
    await pool('ipip', { cidr: '10.1.0.0/16', ipipMode: 'CrossSubnet' });
    await pool('vxlan', { cidr: '10.2.0.0/16', vxlanMode: 'Always' });
    await pool('vxlan6', { cidr: 'fd02::/48', vxlanMode: 'Always' });
    await resources.update({ ...(await node()), status: { wireguardPublicKey: publicKey } });
    await reconcile();
    const { spec } = await node();
    const ipip = parseIp(spec.bgp!.ipv4IPIPTunnelAddr!);
    const vxlan = parseIp(spec.ipv4VXLANTunnelAddr!);
    const vxlan6 = parseIp(spec.ipv6VXLANTunnelAddr!);
    const wireguard = parseIp(spec.wireguard!.interfaceIPv4Address!);
    expect(cidrContains(parseCidr('10.1.0.0/16'), ipip)).toBe(true);
    expect(cidrContains(parseCidr('10.2.0.0/16'), vxlan)).toBe(true);
    expect(cidrContains(parseCidr('fd02::/48'), vxlan6)).toBe(true);
    expect(spec.wireguard?.interfaceIPv6Address).toBeUndefined();
    const expected: readonly (readonly [IpAddress, string, string])[] = [
      [wireguard, 'wireguard-tunnel-addr-n1', 'wireguardTunnelAddress'],
      [ipip, 'ipip-tunnel-addr-n1', 'ipipTunnelAddress'],
      [vxlan, 'vxlan-tunnel-addr-n1', 'vxlanTunnelAddress'],
      [vxlan6, 'vxlan-v6-tunnel-addr-n1', 'vxlanV6TunnelAddress'],
    ];
    for (const [ip, handle_id, type] of expected) {
      expect(await ipam.attributesOf(ip)).toMatchObject({ handle_id, secondary: { node: 'n1', type } });
    }
  });

  test('stay as they are, and nothing is written, when all is well', async () => {
    await pool('ipip', { cidr: '10.1.0.0/16', ipipMode: 'Always' });
    await reconcile();
    const before = (await backend.list('/calico/')).items;
    await reconcile();
    expect((await backend.list('/calico/')).items).toEqual(before);
  });

  test('are not taken from pools that are disabled, for others, or not for tunnels', async () => {
    await pool('off', { cidr: '10.1.0.0/16', ipipMode: 'Always', disabled: true });
    await pool('theirs', { cidr: '10.2.0.0/16', ipipMode: 'Always', nodeSelector: "zone == 'b'" });
    await pool('pods', { cidr: '10.3.0.0/16', ipipMode: 'Always', allowedUses: ['Workload'] });
    await pool('plain', { cidr: '10.4.0.0/16' });
    const before = (await backend.list('/calico/')).items;
    await reconcile();
    expect((await backend.list('/calico/')).items).toEqual(before);
  });

  test('move with the pools, and are given back with the last of them', async () => {
    await pool('one', { cidr: '10.1.0.0/16', vxlanMode: 'Always' });
    await reconcile();
    const first = parseIp((await node()).spec.ipv4VXLANTunnelAddr!);
    await change('one', { disabled: true });
    await pool('two', { cidr: '10.2.0.0/16', vxlanMode: 'Always' });
    await reconcile();
    const second = parseIp((await node()).spec.ipv4VXLANTunnelAddr!);
    expect(cidrContains(parseCidr('10.2.0.0/16'), second)).toBe(true);
    await expect(ipam.attributesOf(first)).rejects.toMatchObject({ code: 'not-assigned' });
    await change('two', { vxlanMode: 'Never' });
    await reconcile();
    expect((await node()).spec.ipv4VXLANTunnelAddr).toBeUndefined();
    expect(await ipam.ipsByHandle('vxlan-tunnel-addr-n1')).toEqual([]);
  });

  test('are claimed in IPAM again where it has forgotten them, and left to whoever has them now', async () => {
    await pool('one', { cidr: '10.1.0.0/16', ipipMode: 'Always' });
    await reconcile();
    const ip = parseIp((await node()).spec.bgp!.ipv4IPIPTunnelAddr!);
    await ipam.releaseByHandle('ipip-tunnel-addr-n1');
    await reconcile();
    expect((await node()).spec.bgp!.ipv4IPIPTunnelAddr).toBe(ip);
    expect(await ipam.ipsByHandle('ipip-tunnel-addr-n1')).toMatchObject([{ ip }]);
    await ipam.releaseByHandle('ipip-tunnel-addr-n1');
    await ipam.assignIp({ ip, nodeName: 'n1', handleId: 'pod' });
    await reconcile();
    const other = parseIp((await node()).spec.bgp!.ipv4IPIPTunnelAddr!);
    expect(other).not.toBe(ip);
    expect(await ipam.attributesOf(ip)).toMatchObject({ handle_id: 'pod' });
  });

  test('are not taken for WireGuard where it encrypts the hosts themselves', async () => {
    await pool('one', { cidr: '10.1.0.0/16' });
    await resources.update({ ...(await node()), status: { wireguardPublicKey: publicKey } });
    const spec = { wireguardHostEncryptionEnabled: true };
    await resources.create({ kind: 'FelixConfiguration', apiVersion, metadata: { name: 'default' }, spec });
    await reconcile();
    expect((await node()).spec.wireguard).toBeUndefined();
  });

  test('follow changes of pools and of the node by themselves', async () => {
    const running = keepTunnels({ nodeName: 'n1', backend, log, signal: stop.signal });
    await pool('one', { cidr: '10.1.0.0/16', ipipMode: 'Always', nodeSelector: "zone == 'b'" });
    await resources.update({ ...(await node()), metadata: { ...(await node()).metadata, labels: { zone: 'b' } } });
    await expect.poll(async () => (await node()).spec.bgp?.ipv4IPIPTunnelAddr).toMatch(/^10\.1\./);
    await change('one', { ipipMode: 'Never' });
    await expect.poll(async () => (await node()).spec.bgp).toBeUndefined();
    stop.abort();
    await running;
  });
});

describe('the addresses of the host', () => {
  const ip = (...args: string[]): void => void execFileSync('ip', args);

  test('are noticed when they change, long before the next poll', async () => {
    ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far');
    ip('link', 'set', 'eth0', 'up');
    ip('link', 'set', 'far', 'up');
    ip('address', 'add', '192.0.2.10/24', 'dev', 'eth0');
    await resources.update({ ...(await node()), spec: { bgp: { ipv4Address: '192.0.2.10/24' } } });
    const running = monitorAddresses({
      name: parseNodeName('n1'),
      config: readStartupConfig({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'interface=eth0' }),
      kubernetes: undefined,
      resources,
      log,
      signal: stop.signal,
      pollIntervalMs: 3_600_000,
    });
    const address = async (): Promise<string | undefined> => (await node()).spec.bgp?.ipv4Address;
    ip('address', 'add', '198.51.100.7/25', 'dev', 'eth0');
    ip('address', 'delete', '192.0.2.10/24', 'dev', 'eth0');
    await expect.poll(address, { timeout: 10_000 }).toBe('198.51.100.7/25');
    // Without any, the stored one is kept.
    ip('address', 'delete', '198.51.100.7/25', 'dev', 'eth0');
    ip('address', 'add', '192.0.2.11/24', 'dev', 'eth0');
    await expect.poll(address, { timeout: 10_000 }).toBe('192.0.2.11/24');
    stop.abort();
    await running;
  });

  test('are taken over when no other node has them, and not before', async () => {
    const spec = { bgp: { ipv4Address: '198.51.100.99/24' } };
    await resources.create({ kind: 'Node', apiVersion, metadata: { name: 'n2' }, spec });
    await resources.update({ ...(await node()), spec: { bgp: { ipv4Address: '192.0.2.11/24' } } });
    const refused = Promise.withResolvers<unknown>();
    const errors = createLogger('test', 'silent');
    errors.error = refused.resolve;
    const running = monitorAddresses({
      name: parseNodeName('n1'),
      config: readStartupConfig({ IP: 'autodetect', IP_AUTODETECTION_METHOD: 'interface=eth0' }),
      kubernetes: undefined,
      resources,
      log: errors,
      signal: stop.signal,
      pollIntervalMs: 50,
    });
    ip('address', 'add', '198.51.100.99/24', 'dev', 'eth0');
    ip('address', 'delete', '192.0.2.11/24', 'dev', 'eth0');
    expect(await refused.promise).toMatchObject({
      reason: expect.stringContaining('already that of node n2') as string,
    });
    expect((await node()).spec.bgp?.ipv4Address).toBe('192.0.2.11/24');
    await resources.update({
      ...(await resources.get('Node', 'n2')),
      spec: { bgp: { ipv4Address: '198.51.100.98/24' } },
    });
    await expect.poll(async () => (await node()).spec.bgp?.ipv4Address, { timeout: 10_000 }).toBe('198.51.100.99/24');
    stop.abort();
    await running;
  });
});
