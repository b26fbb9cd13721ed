/**
 * A collection of the Kubernetes API, kept: listed, then watched from there on; when a watch ends, or the API has
 * forgotten the revision, begun again. What was known stays while the API is away.
 */
import { isKubernetesError, type KubernetesClient } from '@calico-node/kubernetes';
import { Backoff, sleep, type Logger } from '@calico-node/service';
import { objectIn, objectsIn, type KubernetesObject } from './service-facts.ts';

export interface FollowedObjects {
  /** By namespace and name. */
  readonly objects: ReadonlyMap<string, KubernetesObject>;
  /** Whether the API answered once, if only to refuse, or failed to in time. */
  readonly wasAnswered: boolean;
}

interface FollowOptions {
  readonly onChange: () => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** After this long the API ends a watch: what was missed, if anything, comes with the next list. */
const WATCH_SECONDS = 300;

/** @param path of the list, with a query or without */
export function followObjects(client: KubernetesClient, path: string, options: FollowOptions): FollowedObjects {
  const following = new Following(client, path, options);
  void following.run();
  return following;
}

class Following implements FollowedObjects {
  objects = new Map<string, KubernetesObject>();
  wasAnswered = false;
  readonly #client: KubernetesClient;
  readonly #path: string;
  readonly #options: FollowOptions;
  readonly #backoff = new Backoff(500, 30_000);

  constructor(client: KubernetesClient, path: string, options: FollowOptions) {
    this.#client = client;
    this.#path = path;
    this.#options = options;
  }

  /** Ends with the signal; never fails. */
  async run(): Promise<void> {
    const { signal, log } = this.#options;
    while (!signal.aborted) {
      try {
        const revision = await this.#list();
        this.#backoff.reset();
        await this.#watch(revision);
      } catch (error) {
        if ((signal.aborted as boolean) || !(error instanceof Error)) return;
        const level = isKubernetesError(error, 'refused') ? 'warn' : 'debug';
        log[level]({ err: error, path: this.#path }, 'Kubernetes API does not tell; what is known stays');
        this.#changed();
      }
      await sleep(this.#backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  /** Gives the revision of the list. */
  async #list(): Promise<string> {
    const answer = objectIn(await this.#client.get(this.#path, this.#options.signal));
    this.objects = new Map(objectsIn(answer['items']).map((object) => [idOf(object), object]));
    this.#changed();
    const { resourceVersion } = objectIn(answer['metadata']);
    return typeof resourceVersion === 'string' ? resourceVersion : '';
  }

  async #watch(revision: string): Promise<void> {
    const query = new URLSearchParams({
      watch: 'true',
      resourceVersion: revision,
      timeoutSeconds: String(WATCH_SECONDS),
    });
    const path = `${this.#path}${this.#path.includes('?') ? '&' : '?'}${query.toString()}`;
    // A connection that died without a word ends too.
    const limit = AbortSignal.timeout((WATCH_SECONDS + 30) * 1000);
    for await (const line of this.#client.lines(path, AbortSignal.any([this.#options.signal, limit]))) {
      if (line === '') continue;
      const event = objectIn(JSON.parse(line));
      const object = objectIn(event['object']);
      if (event['type'] === 'ERROR') return;
      if (event['type'] === 'DELETED') this.objects.delete(idOf(object));
      else this.objects.set(idOf(object), object);
      this.#changed();
    }
  }

  #changed(): void {
    this.wasAnswered = true;
    this.#options.onChange();
  }
}

function idOf(object: KubernetesObject): string {
  const { namespace = '', name } = objectIn(object['metadata']);
  return `${String(namespace)}/${String(name)}`;
}
