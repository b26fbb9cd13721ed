import type {
  Backend,
  CallOptions,
  KeyValue,
  ListResult,
  ReadOptions,
  WatchOptions,
  WriteOptions,
} from '../backend.ts';
import type { EtcdConfig } from '../etcd-config.ts';
import type { Log } from '../log.ts';
import { parseEndpoint } from './endpoints.ts';
import { GatewayReader, keyAfterText } from './gateway.ts';
import { keyBytes, prefixEnd } from './range.ts';

/** Keys per range request, as by gRPC. */
const pageSize = 2000;

/**
 * The store for a program that lives for one command: reads go through etcd's gateway, so that a command that
 * only reads never loads the gRPC packages. A write, a watch, or a read that the gateway does not answer (it can
 * be switched off; the member may be away) goes by gRPC, and from then on so does everything.
 */
export class CommandBackend implements Backend {
  readonly #config: EtcdConfig;
  readonly #log: Log;
  #gateway: GatewayReader | undefined;
  #grpc: Promise<Backend> | undefined;
  #isClosed = false;

  constructor(config: EtcdConfig, log: Log) {
    this.#config = config;
    this.#log = log;
    const [first] = config.endpoints;
    if (first !== undefined) this.#gateway = new GatewayReader(parseEndpoint(first), config);
  }

  async get(key: string, options: ReadOptions = {}): Promise<KeyValue | undefined> {
    const revision = options.revision ?? 0n;
    const page = await this.#throughGateway((gateway) =>
      gateway.range({ key: keyBytes(key), revision, timeoutMs: shareOf(options, 5000), signal: options.signal }),
    );
    return page === undefined ? (await this.#full()).get(key, options) : page.items[0];
  }

  async list(prefix: string, options: ReadOptions = {}): Promise<ListResult> {
    const whole = await this.#throughGateway((gateway) => listByPages(gateway, prefix, options));
    return whole ?? (await this.#full()).list(prefix, options);
  }

  async create(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    return (await this.#full()).create(key, value, patient(options));
  }

  async update(key: string, value: string, expectedRevision: bigint, options?: WriteOptions): Promise<KeyValue> {
    return (await this.#full()).update(key, value, expectedRevision, patient(options));
  }

  async put(key: string, value: string, options?: WriteOptions): Promise<KeyValue> {
    return (await this.#full()).put(key, value, patient(options));
  }

  async delete(key: string, expectedRevision?: bigint, options?: CallOptions): Promise<KeyValue> {
    return (await this.#full()).delete(key, expectedRevision, patient(options));
  }

  async watch(options: WatchOptions): Promise<void> {
    return (await this.#full()).watch(options);
  }

  close(): void {
    this.#isClosed = true;
    this.#gateway?.close();
    this.#grpc?.then(
      (backend) => {
        backend.close();
      },
      () => undefined,
    );
  }

  async #throughGateway<T>(read: (gateway: GatewayReader) => Promise<T>): Promise<T | undefined> {
    if (this.#gateway === undefined || this.#isClosed) return undefined;
    try {
      return await read(this.#gateway);
    } catch (error) {
      this.#log.debug({ err: error }, 'the etcd gateway gave no answer, asking by gRPC');
      this.#leaveGateway();
      return undefined;
    }
  }

  #full(): Promise<Backend> {
    this.#leaveGateway();
    this.#grpc ??= this.#load();
    return this.#grpc;
  }

  async #load(): Promise<Backend> {
    const { EtcdBackend } = await import('./etcd-backend.ts');
    const backend = new EtcdBackend(this.#config, this.#log);
    if (this.#isClosed) backend.close();
    return backend;
  }

  #leaveGateway(): void {
    this.#gateway?.close();
    this.#gateway = undefined;
  }
}

async function listByPages(gateway: GatewayReader, prefix: string, options: ReadOptions): Promise<ListResult> {
  const deadline = Date.now() + shareOf(options, 30_000);
  const end = prefixEnd(prefix);
  const items: KeyValue[] = [];
  let key: Uint8Array = prefix === '' ? Buffer.of(0) : keyBytes(prefix);
  let { revision } = options;
  for (;;) {
    const timeoutMs = Math.max(1, deadline - Date.now());
    const query = { key, end, limit: pageSize, revision: revision ?? 0n, timeoutMs, signal: options.signal };
    const page = await gateway.range(query);
    revision ??= page.revision;
    for (const item of page.items) items.push(item);
    const last = page.items.at(-1);
    if (!page.more || last === undefined) return { items, revision, storeId: page.storeId };
    key = keyAfterText(last.key);
  }
}

/** The first write loads much of its code while it is under way, which takes a slow machine seconds. */
function patient(options: WriteOptions = {}): WriteOptions {
  return { ...options, timeoutMs: options.timeoutMs ?? 20_000 };
}

/** How much of a call's time the gateway may take, so that gRPC has some left. */
function shareOf({ timeoutMs }: CallOptions, usualMs: number): number {
  return Math.max(1, (timeoutMs ?? usualMs) / 2);
}
