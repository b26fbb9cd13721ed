import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Item {
  readonly metadata: { readonly namespace: string; readonly name: string };
}

/**
 * The part of the Kubernetes API that this node's programs follow: lists in pages with a revision, and watches of them,
 * over HTTP with a bearer token.
 */
export class KubernetesApi implements AsyncDisposable {
  readonly asked: string[] = [];
  /** Lets nobody in. */
  refuses = false;
  readonly #collections = new Map<string, Map<string, object>>();
  readonly #watches = new Set<{ readonly path: string; readonly response: ServerResponse }>();
  readonly #server: Server;
  #revision = 1;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response);
    });
  }

  static async start(): Promise<KubernetesApi> {
    const api = new KubernetesApi();
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  writeKubeconfig(path: string): string {
    const config = {
      clusters: [{ name: 'local', cluster: { server: `http://127.0.0.1:${this.port}` } }],
      users: [{ name: 'node', user: { token: 'a-token' } }],
      contexts: [{ name: 'here', context: { cluster: 'local', user: 'node' } }],
      'current-context': 'here',
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  /** Sets an object of a collection (`/api/v1/services`) and tells those who watch. */
  set(path: string, { metadata, ...object }: Item): void {
    const stored = { ...object, metadata: { ...metadata, resourceVersion: String(this.#revision + 1) } };
    const id = idOf(stored);
    this.#tell(path, this.#of(path).has(id) ? 'MODIFIED' : 'ADDED', stored);
    this.#of(path).set(id, stored);
  }

  delete(path: string, object: Item): void {
    this.#of(path).delete(idOf(object));
    this.#tell(path, 'DELETED', object);
  }

  /** Watches that are open. */
  get watchers(): number {
    return this.#watches.size;
  }

  /** Ends all watches, once something has happened of which they do not hear. */
  endWatches(unheard: () => void): void {
    const ended = [...this.#watches];
    this.#watches.clear();
    unheard();
    for (const { response } of ended) response.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #of(path: string): Map<string, object> {
    const collection = this.#collections.get(path) ?? new Map<string, object>();
    this.#collections.set(path, collection);
    return collection;
  }

  #tell(path: string, type: string, object: object): void {
    this.#revision += 1;
    for (const watch of this.#watches) {
      if (watch.path === path) watch.response.write(`${JSON.stringify({ type, object })}\n`);
    }
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '', 'http://api');
    this.asked.push(url.pathname);
    if (this.refuses || request.headers.authorization !== 'Bearer a-token') {
      response.writeHead(401).end('{"message":"Unauthorized"}');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    if (url.searchParams.get('watch') === 'true') {
      response.flushHeaders();
      this.#watches.add({ path: url.pathname, response });
      return;
    }
    const name = /^metadata\.name=(.*)$/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1];
    const all = [...this.#of(url.pathname)].filter(([id]) => name === undefined || id.endsWith(`/${name}`));
    const start = Number(url.searchParams.get('continue') ?? 0);
    const end = start + Number(url.searchParams.get('limit') ?? all.length);
    const next = end < all.length ? { continue: String(end) } : {};
    const metadata = { resourceVersion: String(this.#revision), ...next };
    response.end(JSON.stringify({ metadata, items: all.slice(start, end).map(([, object]) => object) }));
  }
}

function idOf({ metadata }: Item): string {
  return `${metadata.namespace}/${metadata.name}`;
}
