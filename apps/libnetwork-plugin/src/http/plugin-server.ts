import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createConnection } from 'node:net';
import { dirname } from 'node:path';
import { PluginError } from '../protocol/plugin-error.ts';
import type { Reply } from '../protocol/replies.ts';

/** One method of a driver: the request's JSON to the reply's. What it throws is told to the user. */
export type Method = (body: unknown, signal: AbortSignal) => Promise<Reply> | Reply;

export interface Plugin {
  /** What the plug-in says it is. */
  readonly implements: 'NetworkDriver' | 'IpamDriver';
  /** By name, without the driver's. */
  readonly methods: Readonly<Record<string, Method>>;
}

export interface PluginServerOptions {
  readonly path: string;
  readonly plugin: Plugin;
  /** One call ended, after a time in seconds; `error` when it was refused. */
  readonly onCall: (method: string, seconds: number, error?: unknown) => void;
  /** Fires when running calls are to be given up. */
  readonly signal: AbortSignal;
}

/** Docker's media type for plug-ins. */
const mediaType = 'application/vnd.docker.plugins.v1.1+json';
/** Far more than Docker ever sends. */
const maxBodyBytes = 1 << 20;
/** Docker calls for one container at a time, a few containers at once. */
const maxCalls = 256;
/** Less than Docker waits, so that the user hears why. */
const callLimitMs = 25_000;

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new PluginError('invalid', 'the request is too long');
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks).toString('utf8').trim();
  if (body === '') return {};
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new PluginError('invalid', 'the request is not JSON', { cause: error });
  }
}

function answer(response: ServerResponse, status: number, reply: Reply): void {
  response.writeHead(status, { 'content-type': mediaType }).end(`${JSON.stringify(reply)}\n`);
}

/** Whether somebody listens on a unix socket. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path, () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // The socket is made at once: nobody sees it with another mode.
    const mask = process.umask(0o117);
    server.once('error', reject).listen(path, resolve);
    process.umask(mask);
  });
}

/** Serves one of a plug-in's drivers, as Docker's plug-in protocol has it: JSON by POST over a unix socket. */
export class PluginServer implements AsyncDisposable {
  readonly #options: PluginServerOptions;
  readonly #server: Server;
  #calls = 0;

  private constructor(options: PluginServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      void this.#serve(request, response);
    });
  }

  /**
   * Makes the socket with mode 0660, and its folder. A socket file that a dead process left is replaced.
   *
   * @throws Error when another process serves there; the file error.
   */
  static async listen(options: PluginServerOptions): Promise<PluginServer> {
    const { path } = options;
    mkdirSync(dirname(path), { recursive: true });
    if (await isAlive(path)) throw new Error(`another process already serves on ${path}`);
    rmSync(path, { force: true });
    const server = new PluginServer(options);
    await listen(server.#server, path);
    return server;
  }

  /** Ends running calls' connections once they are answered, and removes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeIdleConnections();
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { plugin, onCall, signal } = this.#options;
    const path = request.url?.slice(1) ?? '';
    const [kind, name = ''] = path.split('.', 2);
    const method = kind === plugin.implements && Object.hasOwn(plugin.methods, name) ? plugin.methods[name] : undefined;
    if (path === 'Plugin.Activate') {
      request.resume();
      answer(response, 200, { Implements: [plugin.implements] });
      return;
    }
    if (method === undefined || request.method !== 'POST') {
      request.resume();
      answer(response, 404, { Err: `the ${plugin.implements} calico has no method ${path}` });
      return;
    }
    const startedMs = performance.now();
    const seconds = (): number => (performance.now() - startedMs) / 1000;
    this.#calls++;
    try {
      if (this.#calls > maxCalls) throw new PluginError('not-ready', `${maxCalls} calls are under way; try again`);
      const body = await readBody(request);
      const reply = await method(body, AbortSignal.any([signal, AbortSignal.timeout(callLimitMs)]));
      onCall(name, seconds());
      answer(response, 200, reply);
    } catch (error) {
      onCall(name, seconds(), error);
      answer(response, 500, { Err: error instanceof Error ? error.message : String(error) });
    } finally {
      this.#calls--;
    }
  }
}
