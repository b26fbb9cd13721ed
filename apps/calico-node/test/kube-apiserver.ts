import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '@calico-node/datastore/testing';

/** Names a kube-apiserver, which no Debian package has; without it, one on PATH. */
export const apiServerVariable = 'CALICO_TEST_KUBE_APISERVER';

const onPath = (program: string): string | undefined =>
  (process.env['PATH'] ?? '')
    .split(':')
    .map((folder) => join(folder, program))
    .find((path) => existsSync(path));
const apiServer = process.env[apiServerVariable] ?? onPath('kube-apiserver');

/** Why there can be no Kubernetes API here; undefined when there can. */
export function apiServerProblem(): string | undefined {
  if (apiServer === undefined) return `there is no kube-apiserver (${apiServerVariable} names one)`;
  if (onPath('kubectl') === undefined) return "there is no kubectl (Debian's kubernetes-client)";
  return undefined;
}

/** A Kubernetes API with its data in an etcd of the test's own. */
export interface KubernetesServer extends AsyncDisposable {
  readonly port: number;
  /** PEM file of the authority that the server's certificate is of. */
  readonly authority: string;
  /** Runs kubectl as the cluster's administrator, or as whoever has the token. @throws Error with kubectl's words */
  kubectl(args: readonly string[], options?: { readonly input?: string; readonly token?: string }): string;
}

const adminToken = 'of-the-administrator';

/** Starts it on the loopback address of this network namespace, which must have another address for it to tell. */
export async function startApiServer(dir: string, etcd: string, advertised: string): Promise<KubernetesServer> {
  mkdirSync(dir, { recursive: true });
  const at = (name: string): string => join(dir, name);
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' });
  openssl('genrsa', '-out', at('accounts.key'), '2048');
  const subject = ['-subj', '/CN=kubernetes', '-addext', 'subjectAltName=IP:127.0.0.1'];
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('key'), '-out', at('ca.crt'), ...subject);
  writeFileSync(at('tokens.csv'), `${adminToken},admin,admin,"system:masters"\n`);
  const port = await freePort();
  const issuer = 'https://kubernetes.default.svc';
  const flags = {
    'etcd-servers': etcd,
    'etcd-prefix': '/kubernetes',
    'secure-port': port,
    'bind-address': '127.0.0.1',
    'advertise-address': advertised,
    'tls-cert-file': at('ca.crt'),
    'tls-private-key-file': at('key'),
    'cert-dir': dir,
    'service-account-key-file': at('accounts.key'),
    'service-account-signing-key-file': at('accounts.key'),
    'service-account-issuer': issuer,
    'api-audiences': issuer,
    'token-auth-file': at('tokens.csv'),
    'authorization-mode': 'RBAC',
    'service-cluster-ip-range': '10.96.0.0/16',
    // No controllers run that would make accounts' secrets.
    'disable-admission-plugins': 'ServiceAccount',
  };
  const child = spawn(
    apiServer ?? '',
    Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4000);
  });
  const server: KubernetesServer = {
    port,
    authority: at('ca.crt'),
    kubectl: (args, { input, token = adminToken } = {}) => {
      const where = ['--kubeconfig=/dev/null', `--server=https://127.0.0.1:${port}`, `--cache-dir=${at('cache')}`];
      return execFileSync(
        'kubectl',
        [...where, `--certificate-authority=${at('ca.crt')}`, `--token=${token}`, ...args],
        { encoding: 'utf8', input, stdio: ['pipe', 'pipe', 'pipe'] },
      );
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
  for (let tries = 0; ; tries++) {
    try {
      server.kubectl(['get', '--raw', '/readyz']);
      return server;
    } catch (error) {
      if (child.exitCode !== null || tries > 120) {
        await server[Symbol.asyncDispose]();
        throw new Error(`kube-apiserver did not start: ${log}`, { cause: error });
      }
      await delay(250);
    }
  }
}

/** What Kubernetes puts into a pod of a service account. */
export function placeAccount(server: KubernetesServer, dir: string, account: string): void {
  mkdirSync(dir, { recursive: true });
  const namespace = 'kube-system';
  const request = '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}';
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const answer = JSON.parse(server.kubectl(['create', '--raw', path, '-f', '-'], { input: request })) as {
    readonly status: { readonly token: string };
  };
  writeFileSync(join(dir, 'token'), answer.status.token);
  writeFileSync(join(dir, 'namespace'), namespace);
  writeFileSync(join(dir, 'ca.crt'), readFileSync(server.authority));
}
