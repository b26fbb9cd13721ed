/**
 * Reads through etcd's gRPC gateway: JSON over HTTP/1.1 on the client port (etcd's documentation, "gRPC
 * gateway"). A program that lives for one command starts in a fraction of the time without the gRPC packages.
 */
import type * as http from 'node:http';
import type { KeyValue } from '../backend.ts';
import type { EtcdConfig } from '../etcd-config.ts';
import type { EtcdEndpoint } from './endpoints.ts';
import { keyBytes } from './range.ts';

/** A range of keys, as of a revision (0 is the newest). */
export interface RangeQuery {
  readonly key: Uint8Array;
  readonly end?: Uint8Array | undefined;
  readonly limit?: number;
  readonly revision: bigint;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface RangePage {
  readonly items: readonly KeyValue[];
  readonly more: boolean;
  readonly revision: bigint;
  readonly storeId: string;
}

type HttpModule = Pick<typeof http, 'request' | 'Agent'>;

/**
 * Not by `import`, which reads every property of a built-in module: one of this one's loads undici, which takes longer
 * than all else that a read does.
 */
function httpModule(isSecure: boolean): HttpModule {
  return process.getBuiltinModule(isSecure ? 'node:https' : 'node:http');
}

/** One member's gateway. Any failure means: ask by gRPC, which tells what is wrong and knows what to do about it. */
export class GatewayReader {
  readonly #endpoint: EtcdEndpoint;
  readonly #config: EtcdConfig;
  #connection: Promise<Connection> | undefined;

  constructor(endpoint: EtcdEndpoint, config: EtcdConfig) {
    this.#endpoint = endpoint;
    this.#config = config;
  }

  async range({ key, end, limit = 0, revision, timeoutMs, signal }: RangeQuery): Promise<RangePage> {
    this.#connection ??= this.#open(timeoutMs);
    const connection = await this.#connection;
    const query = {
      key: base64(key),
      ...(end === undefined ? {} : { range_end: base64(end) }),
      ...(limit === 0 ? {} : { limit: String(limit) }),
      ...(revision === 0n ? {} : { revision: String(revision) }),
    };
    return readPage(await connection.post('/v3/kv/range', query, timeoutMs, signal));
  }

  close(): void {
    this.#connection?.then(
      (connection) => {
        connection.close();
      },
      () => undefined,
    );
    this.#connection = undefined;
  }

  async #open(timeoutMs: number): Promise<Connection> {
    const { secure, address } = this.#endpoint;
    const { tls, user } = this.#config;
    const module = httpModule(secure);
    const { hostname, port } = new URL(`http://${address}`);
    const host = hostname.replace(/^\[|\]$/g, '');
    const agent = new module.Agent({ keepAlive: true, ...(secure ? tls : {}) });
    const connection = new Connection(module, { host, port: port === '' ? 80 : Number(port), agent });
    if (user !== undefined) {
      const login = { name: user.username, password: user.password };
      const { token } = asRecord(await connection.post('/v3/auth/authenticate', login, timeoutMs));
      connection.token = asText(token);
    }
    return connection;
  }
}

class Connection {
  token: string | undefined;
  readonly #http: HttpModule;
  readonly #options: http.RequestOptions;

  constructor(http: HttpModule, options: http.RequestOptions) {
    this.#http = http;
    this.#options = options;
  }

  post(path: string, body: object, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    const text = JSON.stringify(body);
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
      ...(this.token === undefined ? {} : { Authorization: this.token }),
    };
    const limit = AbortSignal.timeout(timeoutMs);
    const options: http.RequestOptions = {
      ...this.#options,
      method: 'POST',
      path,
      headers,
      signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
    };
    return new Promise((resolve, reject) => {
      const request = this.#http.request(options, (response) => {
        const parts: Buffer[] = [];
        response.on('error', reject);
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () => {
          try {
            if (response.statusCode !== 200) throw new Error(`HTTP status ${String(response.statusCode)}`);
            resolve(JSON.parse(Buffer.concat(parts).toString()));
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        });
      });
      request.on('error', reject);
      request.end(text);
    });
  }

  close(): void {
    const { agent } = this.#options;
    if (typeof agent === 'object') agent.destroy();
  }
}

/** An answer to a range request (etcd's rpc.proto, RangeResponse, in proto3's JSON form: zeros are left out). */
function readPage(answer: unknown): RangePage {
  const { header, kvs = [], more = false } = asRecord(answer);
  const { revision, cluster_id: storeId } = asRecord(header);
  if (!Array.isArray(kvs)) throw new TypeError('no list of keys');
  return {
    items: kvs.map(readKeyValue),
    more: more === true,
    revision: BigInt(asText(revision)),
    storeId: asText(storeId),
  };
}

function readKeyValue(item: unknown): KeyValue {
  const { key, value = '', mod_revision: revision } = asRecord(item);
  const text = (encoded: unknown): string => Buffer.from(asText(encoded), 'base64').toString();
  return { key: text(key), value: text(value), revision: BigInt(asText(revision)) };
}

/** The first key after one that was given. */
export function keyAfterText(key: string): Uint8Array {
  return Buffer.concat([keyBytes(key), Buffer.of(0)]);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Readonly<Record<string, unknown>>;
  throw new TypeError('not an object');
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError('not a string');
}
