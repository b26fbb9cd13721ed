import { objectIn, type Dated, type KubernetesClient } from '@calico-node/kubernetes';

/** How long a namespace is remembered: who mends an annotation for a pod that fails is not to wait for longer. */
const memoryMs = 5000;

type Reader = Pick<KubernetesClient, 'get' | 'getDated'>;

interface Known extends Dated {
  readonly knownSinceMs: number;
}

export interface PodAndNamespace {
  readonly namespace: unknown;
  readonly pod: unknown;
}

/** When an object was created, by the API's clock; whole seconds. */
function creationMs(object: unknown): number | undefined {
  const { creationTimestamp } = objectIn(objectIn(object)['metadata']);
  const ms = typeof creationTimestamp === 'string' ? Date.parse(creationTimestamp) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * Reads pods with their namespaces. One namespace serves the pods of some seconds: those that had been created when it was
 * read. So a pod never gets what its namespace said before there was the pod.
 */
export class RecentNamespaces {
  readonly #known = new WeakMap<Reader, Map<string, Known>>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** @throws KubernetesError */
  async read(client: Reader, namespace: string, pod: string, signal: AbortSignal): Promise<PodAndNamespace> {
    const namespacePath = `/api/v1/namespaces/${encodeURIComponent(namespace)}`;
    const readNamespace = async (): Promise<unknown> => {
      const answer = await client.getDated(namespacePath, signal);
      this.#remember(client, namespace, answer);
      return answer.value;
    };
    const readPod = client.get(`${namespacePath}/pods/${encodeURIComponent(pod)}`, signal);
    const known = this.#recent(client, namespace);
    if (known === undefined) {
      const [podObject, namespaceObject] = await Promise.all([readPod, readNamespace()]);
      return { namespace: namespaceObject, pod: podObject };
    }
    const podObject = await readPod;
    const createdMs = creationMs(podObject);
    const isLater = createdMs !== undefined && known.dateMs !== undefined && known.dateMs > createdMs;
    return { namespace: isLater ? known.value : await readNamespace(), pod: podObject };
  }

  #recent(client: Reader, namespace: string): Known | undefined {
    const known = this.#known.get(client)?.get(namespace);
    return known !== undefined && this.#nowMs() - known.knownSinceMs < memoryMs ? known : undefined;
  }

  #remember(client: Reader, namespace: string, answer: Dated): void {
    if (answer.dateMs === undefined) return;
    const knownSinceMs = this.#nowMs();
    const known = this.#known.get(client) ?? new Map<string, Known>();
    this.#known.set(client, known);
    for (const [name, { knownSinceMs: since }] of known) if (knownSinceMs - since >= memoryMs) known.delete(name);
    known.set(namespace, { ...answer, knownSinceMs });
  }
}
