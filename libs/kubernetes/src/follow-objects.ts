/**
 * A collection of the Kubernetes API, kept: listed in pages, then watched from there on; when a watch ends, or the API
 * has forgotten the revision, begun again. What was known stays while the API is away.
 */
import { Backoff, sleep, type Logger } from '@calico-node/service';
import type { KubernetesClient } from './client.ts';
import { isKubernetesError } from './kubernetes-error.ts';
import { objectIn, objectsIn, textIn, type KubernetesObject } from './kubernetes-object.ts';

export interface FollowedObjects {
  /** By namespace and name. */
  readonly objects: ReadonlyMap<string, KubernetesObject>;
  /** Whether the API answered once, if only to refuse, or failed to in time. */
  readonly wasAnswered: boolean;
  /** `waiting`: it has not been listed yet. `refused`: we may not list it, as the API said last. */
  readonly state: 'waiting' | 'refused' | 'listed';
}

export interface FollowOptions {
  /** Objects changed, or the API answered otherwise. */
  readonly onChange: () => void;
  /** Each object that changed, before `onChange`: undefined when it is gone. */
  readonly onObject?: (id: string, object: KubernetesObject | undefined) => void;
  /** What is kept of an object in `objects`; all of it when absent. */
  readonly keep?: (object: KubernetesObject) => KubernetesObject;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** After this long the API ends a watch: what was missed, if anything, comes with the next list. */
const WATCH_SECONDS = 300;
/** Objects in a page of a list. */
const PAGE = 500;

/** @param path of the list, with a query or without */
export function followObjects(client: KubernetesClient, path: string, options: FollowOptions): FollowedObjects {
  const following = new Following(client, path, options);
  void following.run();
  return following;
}

class Following implements FollowedObjects {
  readonly objects = new Map<string, KubernetesObject>();
  wasAnswered = false;
  state: FollowedObjects['state'] = 'waiting';
  readonly #revisions = new Map<string, string>();
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
        const isRefused = isKubernetesError(error, 'refused');
        if (isRefused && this.state === 'waiting') this.state = 'refused';
        log[isRefused ? 'warn' : 'debug'](
          { err: error, path: this.#path },
          'Kubernetes API does not tell; what is known stays',
        );
        this.#changed();
      }
      await sleep(this.#backoff.nextMs(), signal).catch(() => undefined);
    }
  }

  /** Gives the revision of the list. */
  async #list(): Promise<string> {
    const gone = new Set(this.objects.keys());
    let revision = '';
    let next = '';
    do {
      const query = next === '' ? { limit: PAGE } : { limit: PAGE, continue: next };
      const answer = objectIn(await this.#client.get(this.#pathWith(query), this.#options.signal));
      for (const object of objectsIn(answer['items'])) {
        const id = idOf(object);
        gone.delete(id);
        const known = this.#revisions.get(id);
        if (known === undefined || known === '' || known !== revisionOf(object)) this.#set(id, object);
      }
      const metadata = objectIn(answer['metadata']);
      revision = textIn(metadata['resourceVersion']);
      next = textIn(metadata['continue']);
    } while (next !== '');
    for (const id of gone) this.#delete(id);
    this.state = 'listed';
    this.#changed();
    return revision;
  }

  async #watch(revision: string): Promise<void> {
    const path = this.#pathWith({ watch: true, resourceVersion: revision, timeoutSeconds: WATCH_SECONDS });
    // A connection that died without a word ends too.
    const limit = AbortSignal.timeout((WATCH_SECONDS + 30) * 1000);
    for await (const line of this.#client.lines(path, AbortSignal.any([this.#options.signal, limit]))) {
      if (line === '') continue;
      const event = objectIn(JSON.parse(line));
      const object = objectIn(event['object']);
      if (event['type'] === 'ERROR') return;
      if (event['type'] === 'DELETED') this.#delete(idOf(object));
      else this.#set(idOf(object), object);
      this.#changed();
    }
  }

  #set(id: string, object: KubernetesObject): void {
    const { keep, onObject } = this.#options;
    this.objects.set(id, keep?.(object) ?? object);
    this.#revisions.set(id, revisionOf(object));
    onObject?.(id, object);
  }

  #delete(id: string): void {
    this.#revisions.delete(id);
    if (this.objects.delete(id)) this.#options.onObject?.(id, undefined);
  }

  #pathWith(query: Readonly<Record<string, string | number | boolean>>): string {
    const entries = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
    return `${this.#path}${this.#path.includes('?') ? '&' : '?'}${new URLSearchParams(entries).toString()}`;
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

function revisionOf(object: KubernetesObject): string {
  return textIn(objectIn(object['metadata'])['resourceVersion']);
}
