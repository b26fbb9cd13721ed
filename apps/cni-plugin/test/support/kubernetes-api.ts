import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { TestCertificates } from '@calico-node/service/testing';

type Json = Record<string, unknown>;

/** A token that the server gave for a service account, and what was asked for. */
export interface TokenRequest {
  readonly account: string;
  readonly body: Json;
}

/**
 * The part of the Kubernetes API that attaching needs, over HTTPS with a certificate of its own authority: objects by
 * their paths, token requests, and bearer tokens.
 */
export class KubernetesApi implements AsyncDisposable {
  /** By path: `/api/v1/namespaces/shop`. */
  readonly objects = new Map<string, Json>();
  /** Who may ask. */
  readonly tokens = new Set(['first-token']);
  readonly asked: string[] = [];
  readonly tokenRequests: TokenRequest[] = [];
  readonly authorityFile: string;
  readonly #certificates = new TestCertificates();
  readonly #server: Server;

  private constructor() {
    this.#certificates.addAuthority('api');
    this.authorityFile = this.#certificates.path('api.pem');
    this.#server = createServer(this.#certificates.identity('api'), (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<KubernetesApi> {
    const api = new KubernetesApi();
    api.#server.listen(0, '127.0.0.1');
    await once(api.#server, 'listening');
    return api;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Writes a kubeconfig file for a token. */
  writeKubeconfig(path: string, token = 'first-token'): string {
    const text = [
      'apiVersion: v1',
      'kind: Config',
      'clusters:',
      '- name: local',
      '  cluster:',
      `    server: ${this.url}`,
      `    certificate-authority-data: ${readFileSync(this.authorityFile).toString('base64')}`,
      'users:',
      '- name: calico',
      '  user:',
      `    token: "${token}"`,
      'contexts:',
      '- name: calico-context',
      '  context: { cluster: local, user: calico }',
      'current-context: calico-context',
      '',
    ];
    writeFileSync(path, text.join('\n'), { mode: 0o600 });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
    this.#certificates[Symbol.dispose]();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    this.asked.push(`${String(request.method)} ${path}`);
    const reply = (status: number, body: Json): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const refuse = (code: number, message: string): void => {
      reply(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, code });
    };
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    if (!this.tokens.has(token)) {
      refuse(401, 'Unauthorized');
      return;
    }
    const account = /^\/api\/v1\/namespaces\/([^/]+)\/serviceaccounts\/([^/]+)\/token$/.exec(path);
    if (request.method === 'POST' && account !== null) {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Json;
      this.tokenRequests.push({ account: `${String(account[1])}/${String(account[2])}`, body });
      const given = `given-${this.tokenRequests.length}`;
      this.tokens.add(given);
      const expirationTimestamp = new Date(Date.now() + 86_400_000).toISOString();
      reply(201, { kind: 'TokenRequest', ...body, status: { token: given, expirationTimestamp } });
      return;
    }
    const found = this.objects.get(path);
    if (found === undefined) refuse(404, `${path} not found`);
    else reply(200, found);
  }
}
