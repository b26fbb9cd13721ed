import { createSocket, type Socket } from 'node:dgram';
import { getServers, setServers } from 'node:dns/promises';
import { once } from 'node:events';
import { syncBuiltinESMExports } from 'node:module';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectDatastore, loadDatastoreConfig } from '../src/index.ts';
import { findEndpoints } from '../src/etcd/endpoints.ts';
import { startEtcd, type EtcdProcess } from '../src/testing/index.ts';

/*
 * ETCD_DISCOVERY_SRV, against a DNS server (RFC 1035) that knows service records (RFC 2782) only.
 */

interface Service {
  readonly target: string;
  readonly port: number;
}

const services = new Map<string, Service>();
const serversBefore = getServers();

let dns: Socket;
let etcd: EtcdProcess;

const label = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);
const encodeName = (name: string): Buffer => Buffer.concat([...name.split('.').map(label), Buffer.from([0])]);

/** The name that a query asks for, and where its question ends. */
function questionOf(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let offset = 12;
  for (let length = query[offset]!; length > 0; length = query[offset]!) {
    labels.push(query.toString('latin1', offset + 1, offset + 1 + length));
    offset += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: offset + 5 };
}

function answerTo(query: Buffer): Buffer {
  const { name, end } = questionOf(query);
  const service = services.get(name);
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(service === undefined ? 0x8183 : 0x8180, 2); // NXDOMAIN, or an answer
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(service === undefined ? 0 : 1, 6);
  const question = query.subarray(12, end);
  if (service === undefined) return Buffer.concat([header, question]);
  const target = encodeName(service.target);
  const record = Buffer.alloc(18);
  record.writeUInt16BE(0xc00c, 0); // the question's name
  record.writeUInt16BE(33, 2); // SRV
  record.writeUInt16BE(1, 4); // IN
  record.writeUInt32BE(5, 6);
  record.writeUInt16BE(6 + target.length, 10);
  record.writeUInt16BE(service.port, 16); // after priority and weight, both 0
  return Buffer.concat([header, question, record, target]);
}

/** Sets the servers for modules that have imported a function of node:dns already. */
function useServers(servers: readonly string[]): void {
  setServers(servers);
  syncBuiltinESMExports();
}

beforeAll(async () => {
  dns = createSocket('udp4');
  dns.on('message', (query, { port, address }) => {
    dns.send(answerTo(query), port, address);
  });
  dns.bind(0, '127.0.0.1');
  await once(dns, 'listening');
  useServers([`127.0.0.1:${dns.address().port}`]);
  etcd = await startEtcd();
});

afterAll(async () => {
  useServers(serversBefore);
  dns.close();
  await etcd.stop();
});

describe('a discovery domain', () => {
  it('leads to the members that its records name', async () => {
    services.set('_etcd-client._tcp.plain.test', { target: 'localhost', port: etcd.port });
    const backend = connectDatastore(loadDatastoreConfig({ env: { ETCD_DISCOVERY_SRV: 'plain.test' } }));
    try {
      await backend.put('/discovered', 'x');
      expect((await backend.get('/discovered'))?.value).toBe('x');
    } finally {
      backend.close();
    }
  });

  it('is asked for members that speak TLS first', async () => {
    services.set('_etcd-client-ssl._tcp.both.test', { target: 'secure.both.test', port: 2379 });
    services.set('_etcd-client._tcp.both.test', { target: 'plain.both.test', port: 2379 });
    const config = loadDatastoreConfig({ env: { ETCD_DISCOVERY_SRV: 'both.test' } });
    expect(await findEndpoints(config)).toEqual([{ address: 'secure.both.test:2379', secure: true }]);
  });

  it('without records is reported with the names that were looked for', async () => {
    const config = loadDatastoreConfig({ env: { ETCD_DISCOVERY_SRV: 'none.test' } });
    await expect(findEndpoints(config)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('_etcd-client._tcp.none.test') as string,
    });
  });
});
