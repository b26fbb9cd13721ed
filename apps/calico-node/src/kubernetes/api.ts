import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { ConfigError } from '@calico-node/service';

const timeoutMs = 10_000;

/** Where Kubernetes mounts a pod's credentials. */
export const podServiceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The API server's answer was not what was asked for. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError';
  /** The status of HTTP; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** As much of the Kubernetes API as a node's start and end need, with the pod's own service account. */
export class KubernetesApi {
  readonly #base: string;
  readonly #serviceAccountDir: string;

  private constructor(base: string, serviceAccountDir: string) {
    this.#base = base;
    this.#serviceAccountDir = serviceAccountDir;
  }

  /** undefined when this process is not in a Kubernetes pod. */
  static ofPod(
    env: Readonly<Record<string, string | undefined>>,
    serviceAccountDir = podServiceAccountDir,
  ): KubernetesApi | undefined {
    const host = env['KUBERNETES_SERVICE_HOST'] ?? '';
    if (host === '') return undefined;
    const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
    return new KubernetesApi(`https://${host.includes(':') ? `[${host}]` : host}:${port}`, serviceAccountDir);
  }

  /** @throws KubernetesError; ConfigError when the pod has no service account. */
  get(path: string, signal: AbortSignal): Promise<unknown> {
    return this.#call('GET', path, undefined, signal);
  }

  /** A strategic merge patch: lists of conditions are merged by their type. */
  patch(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    return this.#call('PATCH', path, JSON.stringify(body), signal);
  }

  /** Credentials are read for every call: tokens are renewed while we run. */
  #credential(name: string): string {
    const file = `${this.#serviceAccountDir}/${name}`;
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (error) {
      throw new ConfigError(`Kubernetes: ${file} cannot be read: the pod needs a service account`, { cause: error });
    }
  }

  async #call(method: string, path: string, body: string | undefined, signal: AbortSignal): Promise<unknown> {
    const [ca, token] = [this.#credential('ca.crt'), this.#credential('token')];
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const fail = (status: number, reason: string, cause?: unknown): void => {
      reject(new KubernetesError(status, `Kubernetes: ${method} ${this.#base}${path}: ${reason}`, { cause }));
    };
    const call = request(`${this.#base}${path}`, {
      method,
      ca,
      agent: false,
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/strategic-merge-patch+json' }),
      },
      signal,
      timeout: timeoutMs,
    });
    call.once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.once('error', (error) => {
      fail(0, error.message, error);
    });
    call.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', (error) => {
        fail(0, error.message, error);
      });
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const status = response.statusCode ?? 0;
        if (status < 200 || status > 299) {
          fail(status, `${status} ${text.slice(0, 300)}`);
          return;
        }
        try {
          resolve(JSON.parse(text));
        } catch (error) {
          fail(status, 'the answer is not JSON', error);
        }
      });
    });
    call.end(body);
    return promise;
  }
}
