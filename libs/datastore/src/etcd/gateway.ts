/**
 * Reads through etcd's gRPC gateway: JSON over HTTP/1.1 on the client port (etcd's documentation, "gRPC
 * gateway"). A program that lives for one command starts in a fraction of the time without the gRPC packages.
 */
import type { KeyValue } from '../backend.ts';
import type { EtcdConfig } from '../etcd-config.ts';
import type { EtcdEndpoint } from './endpoints.ts';
import { HttpConnection } from './http-connection.ts';
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
    const colon = address.lastIndexOf(':');
    const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
    const port = Number(address.slice(colon + 1));
    const connection = new Connection(new HttpConnection({ host, port, tls: secure ? tls : undefined }));
    if (user !== undefined) {
      const login = { name: user.username, password: user.password };
      const { token } = asRecord(await connection.post('/v3/auth/authenticate', login, timeoutMs));
      connection.token = asText(token);
    }
    return connection;
  }
}

/** JSON both ways, within a time. */
class Connection {
  token: string | undefined;
  readonly #http: HttpConnection;

  constructor(http: HttpConnection) {
    this.#http = http;
  }

  async post(path: string, body: object, timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    const stop = (): void => {
      this.#http.close(new Error(signal?.aborted === true ? 'aborted' : `no answer in ${timeoutMs} ms`));
    };
    const timer = setTimeout(stop, timeoutMs);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      signal?.throwIfAborted();
      const headers: Readonly<Record<string, string>> = this.token === undefined ? {} : { Authorization: this.token };
      const { status, body: answer } = await this.#http.post(path, JSON.stringify(body), headers);
      if (status !== 200) throw new Error(`HTTP status ${status}`);
      return JSON.parse(answer.toString());
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  close(): void {
    this.#http.close();
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
