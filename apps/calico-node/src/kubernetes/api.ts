import { accessOfEnvironment, isKubernetesError, KubernetesClient, type Access } from '@calico-node/kubernetes';
import { ConfigError } from '@calico-node/service';

type Variables = Readonly<Record<string, string | undefined>>;

/** The Kubernetes API for a node's start and end: where it is and who asks is read for each call, since it is renewed. */
export class KubernetesApi {
  readonly #access: () => Access | undefined;

  private constructor(access: () => Access | undefined) {
    this.#access = access;
  }

  /**
   * By KUBECONFIG, or as the pod that this process is; undefined when it is in none. `accountDir` is where Kubernetes
   * put the pod's credentials.
   *
   * @throws ConfigError for a KUBECONFIG that cannot be used.
   */
  static of(env: Variables, accountDir?: string): KubernetesApi | undefined {
    const kubeconfig = env['KUBECONFIG'] ?? '';
    if (kubeconfig === '' && (env['KUBERNETES_SERVICE_HOST'] ?? '') === '') return undefined;
    const access = (): Access | undefined => {
      try {
        return accessOfEnvironment(env, accountDir);
      } catch (error) {
        if (!isKubernetesError(error, 'config')) throw error;
        throw new ConfigError(
          kubeconfig === ''
            ? `Kubernetes: ${error.message}: the pod needs a service account`
            : `KUBECONFIG='${kubeconfig}': must be a kubeconfig file with a token or a client certificate: ${error.message}`,
          { cause: error },
        );
      }
    };
    if (kubeconfig !== '') access();
    return new KubernetesApi(access);
  }

  /** @throws KubernetesError; ConfigError when the pod has no service account. */
  get(path: string, signal: AbortSignal): Promise<unknown> {
    return this.#ask((client) => client.get(path, signal));
  }

  /** A strategic merge patch. @throws KubernetesError; ConfigError when the pod has no service account. */
  patch(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return this.#ask((client) => client.patch(path, body, signal));
  }

  async #ask(question: (client: KubernetesClient) => Promise<unknown>): Promise<unknown> {
    const access = this.#access();
    if (access === undefined) throw new ConfigError('Kubernetes: nothing says where its API is: set KUBECONFIG');
    const client = new KubernetesClient(access);
    try {
      return await question(client);
    } finally {
      client.close();
    }
  }
}
