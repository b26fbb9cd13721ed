import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { createInterface } from 'node:readline';
import type { Access } from './access.ts';
import { KubernetesError, type KubernetesErrorCode } from './kubernetes-error.ts';

const timeoutMs = 10_000;
const contentTypes: Readonly<Record<string, string>> = { PATCH: 'application/strategic-merge-patch+json' };
const maxAnswerBytes = 8 << 20;

function codeOf(status: number): KubernetesErrorCode {
  if (status === 404) return 'not-found';
  if (status === 401 || status === 403) return 'refused';
  return status === 429 || status >= 500 ? 'unavailable' : 'failed';
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxAnswerBytes) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The message of a `Status` object, or the start of what was answered instead. */
function reasonOf(body: string): string {
  try {
    const status: unknown = JSON.parse(body);
    if (typeof status === 'object' && status !== null && 'message' in status) return String(status.message);
  } catch {
    // Not the API's own words.
  }
  return body.trim().slice(0, 200);
}

/** What the API answered, and when that was by its own clock, in milliseconds since 1970, if it says so: in whole seconds. */
export interface Dated {
  readonly value: unknown;
  readonly dateMs: number | undefined;
}

/** The few requests of the Kubernetes API that this node needs, over connections that are kept. */
export class KubernetesClient {
  readonly #access: Access;
  readonly #agent: HttpAgent;

  constructor(access: Access) {
    this.#access = access;
    const { authority, certificate, key, isInsecure } = access;
    this.#agent =
      access.server.protocol === 'http:'
        ? new HttpAgent({ keepAlive: true })
        : new HttpsAgent({ keepAlive: true, ca: authority, cert: certificate, key, rejectUnauthorized: !isInsecure });
  }

  /** @throws KubernetesError */
  async get(path: string, signal: AbortSignal): Promise<unknown> {
    return (await this.#ask('GET', path, undefined, signal)).value;
  }

  /** @throws KubernetesError */
  getDated(path: string, signal: AbortSignal): Promise<Dated> {
    return this.#ask('GET', path, undefined, signal);
  }

  /** @throws KubernetesError */
  async post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return (await this.#ask('POST', path, body, signal)).value;
  }

  /** A strategic merge patch: lists of conditions are merged by their type. @throws KubernetesError */
  async patch(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    return (await this.#ask('PATCH', path, body, signal)).value;
  }

  /**
   * What the API tells as it happens: a watch's lines, until the API ends it or the signal fires.
   * @throws KubernetesError
   */
  async *lines(path: string, signal: AbortSignal): AsyncGenerator<string> {
    const { server } = this.#access;
    const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
    try {
      const message = await this.#open('GET', url, undefined, signal);
      const status = message.statusCode ?? 0;
      if (status < 200 || status >= 300) {
        const reason = reasonOf(await bodyOf(message));
        throw new KubernetesError(codeOf(status), `Kubernetes: GET ${url.href}: ${status}: ${reason}`);
      }
      yield* createInterface({ input: message, crlfDelay: Infinity });
    } catch (error) {
      if (error instanceof KubernetesError) throw error;
      throw new KubernetesError('unavailable', `the Kubernetes API ended GET ${url.href}`, { cause: error });
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(method: string, path: string, body: object | undefined, signal: AbortSignal): Promise<Dated> {
    const { server } = this.#access;
    const url = new URL(server.pathname.replace(/\/$/, '') + path, server);
    try {
      const { status, text, date } = await this.#exchange(method, url, body, signal);
      if (status >= 200 && status < 300) {
        const dateMs = Date.parse(date);
        return { value: JSON.parse(text) as unknown, dateMs: Number.isNaN(dateMs) ? undefined : dateMs };
      }
      throw new KubernetesError(codeOf(status), `Kubernetes: ${method} ${url.href}: ${status}: ${reasonOf(text)}`);
    } catch (error) {
      if (error instanceof KubernetesError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new KubernetesError('unavailable', `the Kubernetes API does not answer ${method} ${url.href}: ${why}`, {
        cause: error,
      });
    }
  }

  async #exchange(
    method: string,
    url: URL,
    body: object | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly text: string; readonly date: string }> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const message = await this.#open(method, url, body, limited);
    return { status: message.statusCode ?? 0, text: await bodyOf(message), date: message.headers.date ?? '' };
  }

  #open(method: string, url: URL, body: object | undefined, signal: AbortSignal): Promise<IncomingMessage> {
    const content = body === undefined ? undefined : JSON.stringify(body);
    const token = this.#token();
    const headers = {
      accept: 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(content === undefined
        ? {}
        : { 'content-type': contentTypes[method] ?? 'application/json', 'content-length': Buffer.byteLength(content) }),
    };
    const options = { method, headers, agent: this.#agent, signal };
    return new Promise((resolve, reject) => {
      const open = url.protocol === 'http:' ? httpRequest : httpsRequest;
      const request = open(url, options, resolve);
      request.once('error', reject);
      request.end(content);
    });
  }

  #token(): string | undefined {
    const { token } = this.#access;
    if (token === undefined) return undefined;
    if ('value' in token) return token.value;
    try {
      return readFileSync(token.file, 'utf8').trim();
    } catch (cause) {
      throw new KubernetesError('config', `cannot read ${token.file}`, { cause });
    }
  }
}
