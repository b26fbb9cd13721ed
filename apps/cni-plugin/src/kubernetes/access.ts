import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { KubernetesSettings } from '../spec/network-config.ts';
import { JsonReader, isObject, type JsonObject } from '../spec/json-reader.ts';
import { KubernetesError } from './kubernetes-error.ts';

type Variables = Readonly<Record<string, string | undefined>>;

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

/** A kubeconfig's list entry by name: `{name, <key>: {...}}`. */
function entry(document: JsonReader, list: string, key: string, name: string, file: string): JsonReader {
  const found = document.objects(list).find((item) => item['name'] === name);
  const value = found?.[key];
  if (!isObject(value)) throw new KubernetesError('config', `${file}: there is no ${key} '${name}' in ${list}`);
  return new JsonReader(value, `${list}.${name}.`);
}

/** PEM from `<name>-data` in base64, or from the file that `<name>` names. */
function pem(reader: JsonReader, name: string, file: string): string | undefined {
  const data = reader.text(`${name}-data`);
  if (data !== '') return Buffer.from(data, 'base64').toString('utf8');
  const path = reader.text(name);
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
  const document = new JsonReader(value satisfies JsonObject);
  const context = entry(document, 'contexts', 'context', document.text('current-context'), file);
  const cluster = entry(document, 'clusters', 'cluster', context.text('cluster'), file);
  const user = entry(document, 'users', 'user', context.text('user'), file);
  if (user.has('exec') || user.has('auth-provider')) {
    throw new KubernetesError('config', `${file}: credentials made by a program are not supported: name a token`);
  }
  const [token, tokenFile] = [user.text('token'), user.text('tokenFile')];
  return {
    server: parseServer(cluster.text('server'), file),
    authority: pem(cluster, 'certificate-authority', file),
    isInsecure: cluster.flag('insecure-skip-tls-verify', false),
    token: tokenFile !== '' ? { file: resolve(dirname(file), tokenFile) } : token === '' ? undefined : { value: token },
    certificate: pem(user, 'client-certificate', file),
    key: pem(user, 'client-key', file),
  };
}

/** What Kubernetes gives every pod, if this process is in one. @throws KubernetesError `config` */
export function accessOfPod(env: Variables, accountDir = podAccountDir): Access | undefined {
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
 * How to reach the API by a network configuration, and where it is silent by the environment (Calico's K8S_* names,
 * KUBECONFIG) or as the pod that we run in.
 *
 * @throws KubernetesError `config`
 */
export function resolveAccess(settings: KubernetesSettings, env: Variables): Access {
  const kubeconfig = settings.kubeconfig || (env['KUBECONFIG'] ?? '');
  const base = kubeconfig === '' ? accessOfPod(env) : readKubeconfig(kubeconfig);
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
