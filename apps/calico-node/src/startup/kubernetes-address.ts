import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { familyOf, tryParseIp, type Family, type IpAddress } from '@calico-node/net';
import { ConfigError } from '@calico-node/service';
import type { Variables } from './env-reader.ts';

const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';
const timeoutMs = 10_000;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** The InternalIP of a family in a Kubernetes Node's status. */
export function internalIpOf(node: unknown, family: Family): IpAddress | undefined {
  const status = isRecord(node) ? node['status'] : undefined;
  const addresses: unknown = isRecord(status) ? status['addresses'] : undefined;
  if (!Array.isArray(addresses)) return undefined;
  for (const entry of addresses as unknown[]) {
    if (!isRecord(entry) || entry['type'] !== 'InternalIP' || typeof entry['address'] !== 'string') continue;
    const ip = tryParseIp(entry['address']);
    if (ip !== undefined && familyOf(ip) === family) return ip;
  }
  return undefined;
}

function getJson(url: URL, ca: Buffer, token: string, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const call = request(url, { ca, headers: { authorization: `Bearer ${token}` }, signal, timeout: timeoutMs });
    call.once('error', reject).once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode !== 200) reject(new Error(`${url.pathname}: ${String(response.statusCode)} ${text}`));
        else resolve(JSON.parse(text));
      });
    });
    call.end();
  });
}

/**
 * The InternalIP of this node in Kubernetes, asked with the pod's own service account.
 *
 * @throws ConfigError when this process is not in a Kubernetes pod.
 */
export async function kubernetesInternalIp(
  env: Variables,
  nodeName: string,
  family: Family,
  signal: AbortSignal,
): Promise<IpAddress | undefined> {
  const [host, port] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT'] ?? '443'];
  if (host === undefined || host === '') {
    throw new ConfigError(
      'kubernetes-internal-ip: KUBERNETES_SERVICE_HOST is not set; this method works inside a Kubernetes pod only',
    );
  }
  const ca = readFileSync(`${serviceAccountDir}/ca.crt`);
  const token = readFileSync(`${serviceAccountDir}/token`, 'utf8').trim();
  const base = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return internalIpOf(await getJson(new URL(`/api/v1/nodes/${nodeName}`, base), ca, token, signal), family);
}
