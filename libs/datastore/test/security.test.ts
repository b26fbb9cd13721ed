import { TestCertificates } from '@calico-node/service/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Etcd3 } from 'etcd3';
import { connectDatastore, isDatastoreError, startSyncer, type EtcdConfig } from '../src/index.ts';
import { parseEndpoint } from '../src/etcd/endpoints.ts';
import { GatewayReader } from '../src/etcd/gateway.ts';
import { startEtcd } from '../src/testing/index.ts';

/** Waits until a value is as expected, long enough for a busy machine. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 });

const certificates = new TestCertificates();

beforeAll(() => {
  certificates.addAuthority('ca');
  certificates.add('server', 'ca');
  certificates.add('client', 'ca');
});

afterAll(() => {
  certificates[Symbol.dispose]();
});

/** Writes a key of the first prefix and sees the change come by the syncer. */
async function writeAndFollow(
  config: EtcdConfig,
  prefixes: readonly [string, ...string[]] = ['/calico/'],
): Promise<void> {
  const key = `${prefixes[0]}a`;
  const abort = new AbortController();
  const backend = connectDatastore(config, { signal: abort.signal });
  const seen = new Map<string, string | undefined>();
  const { done } = startSyncer({
    backend,
    prefixes,
    inOrder: true,
    signal: abort.signal,
    onBatch: ({ updates }) => {
      for (const { key, value } of updates) seen.set(key, value);
    },
  });
  try {
    await backend.put(key, 'x');
    await eventually(() => seen.get(key)).toBe('x');
    await backend.put(key, 'y');
    await eventually(() => seen.get(key)).toBe('y');
  } finally {
    abort.abort();
    await done;
  }
}

/** What a key holds, asked through the gateway alone. */
async function throughGateway(config: EtcdConfig, key: string): Promise<string | undefined> {
  const gateway = new GatewayReader(parseEndpoint(config.endpoints[0] ?? ''), config);
  try {
    const { items } = await gateway.range({ key: Buffer.from(key), revision: 0n, timeoutMs: 5000 });
    return items[0]?.value;
  } finally {
    gateway.close();
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.catch((reason: unknown) => reason);
  return isDatastoreError(error) ? error.code : String(error);
}

describe('TLS', () => {
  it('reads, writes and watches with a client certificate, and not without', async () => {
    await using etcd = await startEtcd({
      scheme: 'https',
      args: [
        ...['--cert-file', certificates.path('server.pem'), '--key-file', certificates.path('server.key')],
        ...['--client-cert-auth', '--trusted-ca-file', certificates.path('ca.pem')],
      ],
    });
    const tls = { ca: certificates.pem('ca.pem'), ...certificates.identity('client') };
    await writeAndFollow({ type: 'etcdv3', endpoints: etcd.endpoints, tls });
    expect(await throughGateway({ type: 'etcdv3', endpoints: etcd.endpoints, tls }, '/calico/a')).toBe('y');
    for (const wrong of [{}, { ca: tls.ca }]) {
      const backend = connectDatastore({ type: 'etcdv3', endpoints: etcd.endpoints, tls: wrong });
      expect(await codeOf(backend.get('/calico/a', { timeoutMs: 3000 }))).toBe('unavailable');
      backend.close();
    }
  });
});

describe('users', () => {
  it('logs in, logs in again when the token is lost, and is told when the user is refused', async () => {
    await using etcd = await startEtcd();
    const admin = new Etcd3({ hosts: [...etcd.endpoints] });
    await admin.auth.userAdd({ name: 'root', password: 'root' });
    await admin.auth.userGrantRole({ user: 'root', role: 'root' });
    await admin.auth.userAdd({ name: 'felix', password: 'secret' });
    await admin.auth.roleAdd({ name: 'calico' });
    for (const range of ['/calico', '/shared/a', '/shared/b']) {
      const perm = {
        permType: 'Readwrite',
        key: Buffer.from(`${range}/`),
        range_end: Buffer.from(`${range}0`),
      } as const;
      await admin.auth.roleGrantPermission({ name: 'calico', perm });
    }
    await admin.auth.userGrantRole({ user: 'felix', role: 'calico' });
    await admin.auth.authEnable();
    admin.close();
    const config: EtcdConfig = {
      type: 'etcdv3',
      endpoints: etcd.endpoints,
      tls: {},
      user: { username: 'felix', password: 'secret' },
    };
    await writeAndFollow(config);
    await writeAndFollow(config, ['/shared/a/', '/shared/b/']); // and nothing of what lies between them
    expect(await throughGateway(config, '/calico/a')).toBe('y');
    await expect(throughGateway({ ...config, user: undefined }, '/calico/a')).rejects.toThrow();
    const backend = connectDatastore(config);
    await backend.put('/calico/b', '1');
    await etcd.restart(); // simple tokens live in memory only
    expect((await backend.get('/calico/b'))?.value).toBe('1');
    expect(await codeOf(backend.put('/elsewhere', '1'))).toBe('config');
    backend.close();
    const stranger = connectDatastore({ ...config, user: { username: 'felix', password: 'wrong' } });
    expect(await codeOf(stranger.get('/calico/b'))).toBe('config');
    stranger.close();
  });
});
