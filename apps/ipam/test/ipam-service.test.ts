import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectDatastore, type Backend } from '@calico-node/datastore';
import { freePort, startEtcd, type EtcdProcess } from '@calico-node/datastore/testing';
import { Ipam } from '@calico-node/ipam';
import { callUnary, connectUnix, ipamV1, isRpcError } from '@calico-node/rpc';

/** Waits until a value is as expected, long enough for a busy machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

const main = join(import.meta.dirname, '../src/main.ts');
const resources = '/calico/resources/v3/projectcalico.org';

let etcd: EtcdProcess;
let backend: Backend;
let runDir: string;
let daemon: ChildProcess;
let client: ipamV1.IpamServiceClient;
let healthPort: number;

function startDaemon(): ChildProcess {
  return spawn(process.execPath, [main, '--node-name', 'n1', '--health-address', `127.0.0.1:${healthPort}`], {
    env: { ...process.env, CALICO_RUN_DIR: runDir, ETCD_ENDPOINTS: etcd.endpoints.join(',') },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
}

async function put(path: string, kind: string, spec: object): Promise<void> {
  const body = { kind, apiVersion: 'projectcalico.org/v3', metadata: { name: path.split('/')[1] }, spec };
  await backend.put(`${resources}/${path}`, JSON.stringify(body));
}

beforeEach(async () => {
  etcd = await startEtcd();
  backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: {} });
  await put('nodes/n1', 'Node', {});
  await put('ippools/p', 'IPPool', { cidr: '10.0.0.0/29', blockSize: 30 });
  runDir = mkdtempSync(join(tmpdir(), 'calico-ipam-'));
  healthPort = await freePort();
  daemon = startDaemon();
  client = connectUnix(ipamV1.IpamServiceClient, join(runDir, 'ipam.sock'));
});

afterEach(async () => {
  client.close();
  await stop(daemon, 'SIGKILL');
  backend.close();
  await etcd.stop();
  rmSync(runDir, { recursive: true, force: true });
});

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

const options = { timeoutMs: 20_000, waitForReady: true };

function autoAssign(fields: Partial<ipamV1.AutoAssignRequest>): Promise<ipamV1.AutoAssignResponse> {
  const request = { ...ipamV1.AutoAssignRequest.create(), num4: 1, use: ipamV1.IntendedUse.WORKLOAD, ...fields };
  return callUnary(client.autoAssign.bind(client), request, options);
}

function release(handleId: string): Promise<ipamV1.ReleaseByHandleResponse> {
  return callUnary(client.releaseByHandle.bind(client), { handleId }, options);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => 'OK',
    (reason: unknown) => reason,
  );
  return isRpcError(error) ? error.code : String(error);
}

async function readiness(): Promise<number> {
  return (await fetch(`http://127.0.0.1:${healthPort}/readiness`).catch(() => undefined))?.status ?? 0;
}

describe('the IPAM service', () => {
  it('gives a handle the same address again, and forgets it on release', async () => {
    const first = await autoAssign({ handleId: 'h', attributes: { node: 'n1' } });
    expect(first.ipv4).toHaveLength(1);
    expect(first.ipv4[0]).toMatch(/^10\.0\.0\.\d\/30$/);
    const again = await Promise.all(Array.from({ length: 5 }, () => autoAssign({ handleId: 'h' })));
    expect(again).toEqual(Array(5).fill(first));
    expect((await release('h')).released).toEqual([first.ipv4[0]!.split('/')[0]]);
    expect((await release('h')).released).toEqual([]);
  });

  it.each([
    ['', false],
    [', but not with strict affinity', true],
  ])('claims a block when the last address of its own was given%s', async (_, isStrict) => {
    await new Ipam(backend).setConfig({ strict_affinity: isStrict, auto_allocate_blocks: true });
    for (const handleId of ['a', 'b', 'c', 'd']) await autoAssign({ handleId });
    await release('nobody'); // waits for what the service does after an answer
    const affinities = await backend.list('/calico/ipam/v2/host/n1/ipv4/block/');
    expect(affinities.items).toHaveLength(isStrict ? 1 : 2);
    await autoAssign({ handleId: 'e' });
    const text = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text();
    expect(text).not.toContain('ipam_served_total{from="store"}');
    expect((await backend.list('/calico/ipam/v2/host/n1/ipv4/block/')).items).toHaveLength(2);
  });

  it('counts its calls by method and outcome, how long they took, and from where they were served', async () => {
    await autoAssign({ handleId: 'first' });
    await autoAssign({ handleId: 'second' });
    expect(await codeOf(autoAssign({ handleId: 'none', ipv4Pools: ['nowhere'] }))).toBe('FAILED_PRECONDITION');
    await release('first');
    const text = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text();
    const value = (name: string): number =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.slice(name.length),
      );
    expect(value('ipam_requests_total{method="AutoAssign",code="OK"}')).toBe(2);
    expect(value('ipam_requests_total{method="AutoAssign",code="FAILED_PRECONDITION"}')).toBe(1);
    expect(value('ipam_requests_total{method="ReleaseByHandle",code="OK"}')).toBe(1);
    expect(value('ipam_request_duration_seconds_count{method="AutoAssign"}')).toBe(3);
    expect(value('ipam_served_total{from="memory"}')).toBeGreaterThanOrEqual(2);
    expect(value('ipam_served_total{from="store"}')).toBeGreaterThanOrEqual(1);
    expect(value('ipam_queue_length')).toBe(0);
  });

  it('keeps what it gave over kill -9', async () => {
    const first = await autoAssign({ handleId: 'h' });
    await stop(daemon, 'SIGKILL');
    daemon = startDaemon();
    expect(await autoAssign({ handleId: 'h' })).toEqual(first);
  });

  it('gives all of a request or nothing', async () => {
    await autoAssign({ handleId: 'a', num4: 6 });
    expect(await codeOf(autoAssign({ handleId: 'b', num4: 3 }))).toBe('FAILED_PRECONDITION');
    expect((await autoAssign({ handleId: 'c', num4: 2 })).ipv4).toHaveLength(2);
  });

  it('names the pools and what was tried when a /29 is used up, and serves again after a release', async () => {
    const given = await Promise.all(Array.from({ length: 8 }, (_, index) => autoAssign({ handleId: `h${index}` })));
    expect(new Set(given.flatMap(({ ipv4 }) => ipv4)).size).toBe(8);
    const refusal = await autoAssign({ handleId: 'more' }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(String(refusal)).toMatch(
      /No IPs available in pools: \[p 10\.0\.0\.0\/29\] for more: tried the blocks of n1/,
    );
    await release('h3');
    expect((await autoAssign({ handleId: 'more' })).ipv4).toEqual(given[3]?.ipv4);
  });

  it('gives a chosen address to one handle, as often as that asks', async () => {
    const ask = (ip: string, handleId: string): Promise<ipamV1.AssignIpResponse> =>
      callUnary(client.assignIp.bind(client), ipamV1.AssignIpRequest.fromPartial({ ip, handleId }), options);
    expect(await ask('10.0.0.5', 'a')).toEqual({ ip: '10.0.0.5/32' });
    expect(await ask('10.0.0.5', 'a')).toEqual({ ip: '10.0.0.5/32' });
    expect(await codeOf(ask('10.0.0.5', 'b'))).toBe('ALREADY_EXISTS');
    expect(await codeOf(ask('10.0.0', 'b'))).toBe('INVALID_ARGUMENT');
    const released = await callUnary(
      client.releaseIps.bind(client),
      ipamV1.ReleaseIpsRequest.fromPartial({ ips: [{ ip: '10.0.0.5', handleId: 'a' }, { ip: '10.0.0.6' }] }),
      options,
    );
    expect(released.unallocated).toEqual(['10.0.0.6']);
    expect(await ask('10.0.0.5', 'b')).toEqual({ ip: '10.0.0.5/32' });
  });

  it('creates a workload endpoint in the same step as it gives addresses', async () => {
    await autoAssign({ handleId: 'first' });
    const metadata = { name: 'n1-cni-c-eth0', namespace: 'default' };
    const spec = { node: 'n1', orchestrator: 'cni', endpoint: 'eth0', containerID: 'c', interfaceName: 'calic' };
    const resource = JSON.stringify({ metadata, spec });
    const given = await autoAssign({ handleId: 'h', endpoint: { resource, premises: [] } });
    const key = `${resources}/workloadendpoints/default/n1-cni-c-eth0`;
    const stored = await backend.get(key);
    expect(given.endpointRevision).toBe(stored!.revision);
    expect(JSON.parse(stored!.value)).toMatchObject({ spec: { ipNetworks: [`${given.ipv4[0]!.split('/')[0]}/32`] } });
    const again = await autoAssign({ handleId: 'h', endpoint: { resource, premises: [] } });
    expect(again).toEqual({ ...given, endpointRevision: 0n });
    const other = JSON.stringify({ metadata, spec: { ...spec, node: 'n2' } });
    for (const wrong of [other, '{', JSON.stringify({ metadata: {}, spec })]) {
      const endpoint = { resource: wrong, premises: [] };
      expect(await codeOf(autoAssign({ handleId: 'i', endpoint }))).toBe('INVALID_ARGUMENT');
    }
  });

  it('refuses what it cannot understand', async () => {
    expect(await codeOf(autoAssign({ use: ipamV1.IntendedUse.UNSPECIFIED }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(autoAssign({ handleId: 'a/b' }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(autoAssign({ num4: 100_000 }))).toBe('INVALID_ARGUMENT');
    expect(await codeOf(release(''))).toBe('INVALID_ARGUMENT');
  });

  it('says that the store is away, and serves when it is back', async () => {
    await eventually(readiness).toBe(200);
    await etcd.kill9();
    expect(await codeOf(autoAssign({ handleId: 'h' }))).toBe('UNAVAILABLE');
    await eventually(readiness).toBe(503);
    await etcd.restart();
    expect((await autoAssign({ handleId: 'h' })).ipv4).toHaveLength(1);
    await eventually(readiness).toBe(200);
  });

  it('ends in good order on SIGTERM and removes its socket', async () => {
    await autoAssign({ handleId: 'h' });
    await stop(daemon, 'SIGTERM');
    expect(daemon.exitCode).toBe(0);
    expect(existsSync(join(runDir, 'ipam.sock'))).toBe(false);
  });
});
