import { resolveSrv } from 'node:dns/promises';
import { DatastoreError } from '../errors.ts';
import type { EtcdConfig } from '../config.ts';

/** One member of the cluster: `host:port` and whether it speaks TLS. */
export interface EtcdEndpoint {
  readonly address: string;
  readonly secure: boolean;
}

/**
 * Reads an endpoint's URL. etcd's default port is assumed when none is given.
 * @throws DatastoreError `config`
 */
export function parseEndpoint(text: string): EtcdEndpoint {
  const url = URL.parse(text.trim());
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    throw new DatastoreError('config', `etcd endpoint '${text}' is not a URL like https://host:2379`, {
      identity: text,
      hint: 'check ETCD_ENDPOINTS',
    });
  }
  // URL drops a port that is its scheme's default, so look for the one that was written.
  const written = /^https?:\/\/(?:\[[^\]]*\]|[^:/]*):(\d+)/i.exec(text.trim())?.[1];
  return { address: `${url.hostname}:${written ?? '2379'}`, secure: url.protocol === 'https:' };
}

/**
 * The endpoints that a configuration names, by list or by DNS (`_etcd-client-ssl._tcp.<domain>` first,
 * then `_etcd-client._tcp.<domain>`).
 * @throws DatastoreError `config` for a bad URL, `unavailable` when the DNS gives none.
 */
export async function findEndpoints(config: EtcdConfig): Promise<readonly EtcdEndpoint[]> {
  if (config.discoverySrv === undefined) return config.endpoints.map(parseEndpoint);
  const domain = config.discoverySrv;
  const lookUp = async (service: string, secure: boolean): Promise<EtcdEndpoint[]> => {
    const records = await resolveSrv(`_${service}._tcp.${domain}`);
    return records.map((record) => ({ address: `${record.name}:${record.port}`, secure }));
  };
  const found = await Promise.allSettled([lookUp('etcd-client-ssl', true), lookUp('etcd-client', false)]);
  for (const result of found) if (result.status === 'fulfilled' && result.value.length > 0) return result.value;
  throw new DatastoreError('unavailable', `the DNS has no etcd service record for ${domain}`, {
    identity: domain,
    hint: `expected _etcd-client-ssl._tcp.${domain} or _etcd-client._tcp.${domain}`,
    cause: found.find((result) => result.status === 'rejected')?.reason,
  });
}
