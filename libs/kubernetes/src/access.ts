import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { KubernetesError } from './kubernetes-error.ts';

type Variables = Readonly<Record<string, string | undefined>>;
type Fields = Readonly<Record<string, unknown>>;

/** Where the Kubernetes API is and who asks it, as a caller's own settings say; empty where they do not. */
export interface AccessSettings {
  /** A kubeconfig file. The other settings go before what it says. */
  readonly kubeconfig: string;
  readonly apiRoot: string;
  readonly token: string;
  /** Files. */
  readonly clientCertificate: string;
  readonly clientKey: string;
  readonly certificateAuthority: string;
}

/** Where the API is, and who asks it. */
export interface Access {
  readonly server: URL;
  /** PEM; the system's own authorities when absent. */
  readonly authority: string | undefined;
  readonly isInsecure: boolean;
  /** Read at each request where it is a file: it is renewed. */
  readonly token: { readonly value: string } | { readonly file: string } | undefined;
  /** PEM. */
  readonly certificate: string | undefined;
  readonly key: string | undefined;
}

/** Where Kubernetes puts what a pod needs to ask the API: `ca.crt`, `token`, `namespace`. */
export const podAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new KubernetesError('config', `cannot read ${path}`, { cause });
  }
}

function parseServer(text: string, where: string): URL {
  const withScheme = text.includes('://') ? text : `https://${text}`;
  if (URL.canParse(withScheme)) return new URL(withScheme);
  throw new KubernetesError('config', `${where}: '${text}' is not the address of a Kubernetes API server`);
}

export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}

/** A kubeconfig's list entry by name: `{name, <key>: {...}}`. */
function entry(document: Fields, list: string, key: string, name: string, file: string): Fields {
  const items = document[list];
  const entries: readonly unknown[] = Array.isArray(items) ? items : [];
  const found = entries.find((item) => isObject(item) && item['name'] === name);
  const value: unknown = isObject(found) ? found[key] : undefined;
  if (!isObject(value)) throw new KubernetesError('config', `${file}: there is no ${key} '${name}' in ${list}`);
  return value;
}

/** PEM from `<name>-data` in base64, or from the file that `<name>` names. */
function pem(fields: Fields, name: string, file: string): string | undefined {
  const data = textOf(fields, `${name}-data`);
  if (data !== '') return Buffer.from(data, 'base64').toString('utf8');
  const path = textOf(fields, name);
  return path === '' ? undefined : read(resolve(dirname(file), path));
}

/**
 * What a kubeconfig's current context says. Tokens, token files and client certificates; no programs that make
 * credentials.
 *
 * @throws KubernetesError `config`
 */
export function readKubeconfig(file: string): Access {
  let value: unknown;
  try {
    value = parse(read(file));
  } catch (cause) {
    throw new KubernetesError('config', `${file} is not a kubeconfig file`, { cause });
  }
  if (!isObject(value)) throw new KubernetesError('config', `${file} is not a kubeconfig file`);
  const context = entry(value, 'contexts', 'context', textOf(value, 'current-context'), file);
  const cluster = entry(value, 'clusters', 'cluster', textOf(context, 'cluster'), file);
  const user = entry(value, 'users', 'user', textOf(context, 'user'), file);
  if (isObject(user['exec']) || isObject(user['auth-provider'])) {
    throw new KubernetesError('config', `${file}: credentials made by a program are not supported: name a token`);
  }
  const [token, tokenFile] = [textOf(user, 'token'), textOf(user, 'tokenFile')];
  return {
    server: parseServer(textOf(cluster, 'server'), file),
    authority: pem(cluster, 'certificate-authority', file),
    isInsecure: cluster['insecure-skip-tls-verify'] === true,
    token: tokenFile !== '' ? { file: resolve(dirname(file), tokenFile) } : token === '' ? undefined : { value: token },
    certificate: pem(user, 'client-certificate', file),
    key: pem(user, 'client-key', file),
  };
}

/** What Kubernetes gives every pod, if this process is in one. @throws KubernetesError `config` */
function accessOfPod(env: Variables, accountDir = podAccountDir): Access | undefined {
  const [host = '', port = '443'] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  if (host === '') return undefined;
  return {
    server: parseServer(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, 'KUBERNETES_SERVICE_HOST'),
    authority: read(`${accountDir}/ca.crt`),
    isInsecure: false,
    token: { file: `${accountDir}/token` },
    certificate: undefined,
    key: undefined,
  };
}

/**
 * As the environment says: by the file that KUBECONFIG names, else as the pod that we run in. Undefined where neither
 * says anything.
 *
 * @throws KubernetesError `config`
 */
export function accessOfEnvironment(env: Variables, accountDir = podAccountDir): Access | undefined {
  const kubeconfig = env['KUBECONFIG'] ?? '';
  return kubeconfig === '' ? accessOfPod(env, accountDir) : readKubeconfig(kubeconfig);
}

/**
 * How to reach the API by settings, and where they are silent by the environment (Calico's K8S_* names, KUBECONFIG) or
 * as the pod that we run in.
 *
 * @throws KubernetesError `config`
 */
export function resolveAccess(settings: AccessSettings, env: Variables): Access {
  const base = settings.kubeconfig === '' ? accessOfEnvironment(env) : readKubeconfig(settings.kubeconfig);
  const root = settings.apiRoot || (env['K8S_API_ENDPOINT'] ?? '');
  const token = settings.token || (env['K8S_API_TOKEN'] ?? '');
  const file = (own: string, variable: string): string | undefined => {
    const path = own || (env[variable] ?? '');
    return path === '' ? undefined : read(path);
  };
  const server = root === '' ? base?.server : parseServer(root, 'k8s_api_root');
  if (server === undefined) {
    throw new KubernetesError(
      'config',
      'policy.type is k8s, and nothing says where the Kubernetes API is: set kubernetes.kubeconfig',
    );
  }
  return {
    server,
    authority: file(settings.certificateAuthority, 'K8S_CA_FILE') ?? base?.authority,
    isInsecure: base?.isInsecure ?? false,
    token: token === '' ? base?.token : { value: token },
    certificate: file(settings.clientCertificate, 'K8S_CERT_FILE') ?? base?.certificate,
    key: file(settings.clientKey, 'K8S_KEY_FILE') ?? base?.key,
  };
}
