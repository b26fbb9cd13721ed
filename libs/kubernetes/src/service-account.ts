import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { accessOfEnvironment, isObject, podAccountDir, type Access } from './access.ts';
import { KubernetesClient } from './client.ts';
import { KubernetesError } from './kubernetes-error.ts';
import { place } from './place.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** How long a token is to be good for. The API may give less. */
const tokenSeconds = 24 * 3600;
/** What of a token's life may pass before it is renewed (Calico's documented behaviour). */
const renewAfterPart = 0.25;
const leastIntervalMs = 5_000;

export interface ServiceAccountOptions {
  readonly env: Variables;
  /** Where the container sees the host's directories: `/host`. */
  readonly hostRoot: string;
  /** Where Kubernetes puts what this pod needs to ask the API. */
  readonly accountDir?: string;
  /** From 0 to 1; spreads renewals. */
  readonly random?: () => number;
}

/** A token of the CNI service account, and until when it is not renewed. */
export interface Credentials {
  readonly token: string;
  /** How long to wait before asking for the next. */
  readonly renewInMs: number;
}

/** What the plug-ins are to trust: SKIP_TLS_VERIFY is Calico's variable. */
function trust(authority: string | undefined, env: Variables): Record<string, string | boolean> {
  if (env['SKIP_TLS_VERIFY'] === 'true') return { 'insecure-skip-tls-verify': true };
  return authority === undefined ? {} : { 'certificate-authority-data': Buffer.from(authority).toString('base64') };
}

/** The kubeconfig that the host's plug-ins use, with Calico's names for its parts. JSON is YAML. */
function renderKubeconfig({ server, authority }: Access, token: string, env: Variables): string {
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'local', cluster: { server: server.origin, ...trust(authority, env) } }],
    users: [{ name: 'calico', user: { token } }],
    contexts: [{ name: 'calico-context', context: { cluster: 'local', user: 'calico' } }],
    'current-context': 'calico-context',
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

/** A number of seconds, or with a unit: `90`, `30m`. Undefined when it is neither. */
function parseInterval(text: string): number | undefined {
  const match = /^(\d+)(ms|s|m|h)?$/.exec(text.trim());
  if (match === null) return undefined;
  const unitMs = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'] ?? 1000;
  return Number(match[1]) * unitMs;
}

function renewalMs({ env, random = Math.random }: ServiceAccountOptions, expires: unknown): number {
  const fixed = parseInterval(env['CNI_TOKEN_REFRESH_INTERVAL'] ?? '');
  if (fixed !== undefined) return fixed;
  const until = typeof expires === 'string' ? Date.parse(expires) : Number.NaN;
  const lifeMs = Number.isNaN(until) ? tokenSeconds * 1000 : until - Date.now();
  return Math.max(leastIntervalMs, lifeMs * renewAfterPart * (1 + random() * 0.1));
}

function namespaceOf(accountDir: string): string {
  try {
    return readFileSync(join(accountDir, 'namespace'), 'utf8').trim();
  } catch {
    return 'kube-system';
  }
}

async function requestToken(client: KubernetesClient, namespace: string, account: string, signal: AbortSignal) {
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/serviceaccounts/${encodeURIComponent(account)}/token`;
  const answer = await client.post(
    path,
    {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: tokenSeconds },
    },
    signal,
  );
  const status = isObject(answer) && isObject(answer['status']) ? answer['status'] : {};
  const token = status['token'];
  if (typeof token !== 'string' || token === '') throw new KubernetesError('failed', `${path}: there is no token`);
  return { token, expires: status['expirationTimestamp'] };
}

/**
 * Gets a token for the CNI service account from the Kubernetes API and puts a kubeconfig with it where the host's
 * plug-ins look. Undefined outside of Kubernetes: in no pod, and without KUBECONFIG.
 *
 * @throws KubernetesError
 */
export async function installKubeconfig(
  options: ServiceAccountOptions,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const { env, hostRoot, accountDir = podAccountDir } = options;
  const access = accessOfEnvironment(env, accountDir);
  if (access === undefined) return undefined;
  const client = new KubernetesClient(access);
  try {
    const account = env['CALICO_CNI_SERVICE_ACCOUNT'] ?? 'calico-cni-plugin';
    const { token, expires } = await requestToken(client, namespaceOf(accountDir), account, signal);
    const directory = join(hostRoot, 'etc/cni/net.d');
    mkdirSync(directory, { recursive: true });
    place(join(directory, 'calico-kubeconfig'), Buffer.from(renderKubeconfig(access, token, env)), 0o600);
    return { token, renewInMs: renewalMs(options, expires) };
  } finally {
    client.close();
  }
}

/** Changes when Kubernetes renews what it gave this pod: then the API's authority may be another. */
export function accountStamp(accountDir = podAccountDir): string {
  return ['ca.crt', 'token']
    .map((name) => {
      try {
        return String(statSync(join(accountDir, name)).mtimeMs);
      } catch {
        return '';
      }
    })
    .join(' ');
}
