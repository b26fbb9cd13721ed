import type { ICompare, IKeyValue, IPutRequest, IRequestOp, ITxnResponse } from 'etcd3';
import type {
  Backend,
  CallOptions,
  Change,
  Commit,
  CommitResult,
  Guard,
  KeyValue,
  ListResult,
  ReadOptions,
  WatchOptions,
  WriteOptions,
} from '../backend.ts';
import type { EtcdConfig } from '../config.ts';
import { DatastoreError } from '../errors.ts';
import type { Log } from '../log.ts';
import { EtcdCluster } from './cluster.ts';
import type { EtcdMember } from './member.ts';
import { keyAfter, keyBytes, prefixEnd } from './range.ts';
import { watchStream, type WatchTiming } from './watch-stream.ts';

/** Keys per range request: a large list neither blocks etcd nor exceeds a message. */
const pageSize = 2000;

/**
 * The store on etcd v3. One key per object, one transaction per compare-and-swap, as Calico's etcd
 * back end, so that both may write the same keys.
 */
export class EtcdBackend implements Backend {
  readonly #cluster: EtcdCluster;
  readonly #watchTiming: Partial<WatchTiming>;

  constructor(config: EtcdConfig, log: Log, watchTiming: Partial<WatchTiming> = {}) {
    this.#cluster = new EtcdCluster(config, log);
    this.#watchTiming = watchTiming;
  }

  async get(key: string, options: ReadOptions = {}): Promise<KeyValue | undefined> {
    const answer = await this.#cluster.call(`get ${key}`, 'read', options, (member, grpc) =>
      member.etcd.kv.range({ key: keyBytes(key), revision: String(options.revision ?? 0n) }, grpc),
    );
    return keyValueOf(answer.kvs[0]);
  }

  async list(prefix: string, options: ReadOptions = {}): Promise<ListResult> {
    const items: KeyValue[] = [];
    const deadline = Date.now() + (options.timeoutMs ?? 30_000);
    let revision = options.revision;
    let key: Buffer = prefix === '' ? Buffer.of(0) : keyBytes(prefix);
    for (;;) {
      const page = await this.#cluster.call(
        `list ${prefix}`,
        'read',
        { timeoutMs: Math.max(1, deadline - Date.now()), signal: options.signal },
        (member, grpc) =>
          member.etcd.kv.range(
            { key, range_end: prefixEnd(prefix), limit: pageSize, revision: String(revision ?? 0n) },
            grpc,
          ),
      );
      revision ??= BigInt(page.header.revision);
      for (const found of page.kvs) items.push(toKeyValue(found));
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { items, revision, storeId: page.header.cluster_id };
      key = keyAfter(last.key);
    }
  }

  async create(key: string, value: string, options: WriteOptions = {}): Promise<KeyValue> {
    const compare: ICompare = { key: keyBytes(key), target: 'Version', result: 'Equal', version: 0 };
    const answer = await this.#write(`create ${key}`, key, value, compare, options);
    if (answer.succeeded) return { key, value, revision: BigInt(answer.header.revision) };
    throw new DatastoreError('already-exists', `${key} already exists`, { identity: key, current: currentOf(answer) });
  }

  async update(key: string, value: string, expectedRevision: bigint, options: WriteOptions = {}): Promise<KeyValue> {
    const answer = await this.#write(`update ${key}`, key, value, atRevision(key, expectedRevision), options);
    if (answer.succeeded) return { key, value, revision: BigInt(answer.header.revision) };
    throw missed(key, expectedRevision, currentOf(answer));
  }

  async put(key: string, value: string, options: WriteOptions = {}): Promise<KeyValue> {
    const answer = await this.#write(`put ${key}`, key, value, undefined, options);
    return { key, value, revision: BigInt(answer.header.revision) };
  }

  async delete(key: string, expectedRevision?: bigint, options: CallOptions = {}): Promise<KeyValue> {
    const answer = await this.#cluster.call(`delete ${key}`, 'write', options, (member, grpc) =>
      member.etcd.kv.txn(
        {
          compare: expectedRevision === undefined ? [] : [atRevision(key, expectedRevision)],
          success: [{ request_delete_range: { key: keyBytes(key), prev_kv: true } }],
          failure: [{ request_range: { key: keyBytes(key) } }],
        },
        grpc,
      ),
    );
    if (answer.succeeded) {
      const deleted = keyValueOf(answer.responses[0]?.response_delete_range.prev_kvs[0]);
      if (deleted !== undefined) return deleted;
    }
    throw missed(key, expectedRevision, currentOf(answer));
  }

  async commit(commit: Commit, options: CallOptions = {}): Promise<CommitResult> {
    const answer = await this.#cluster.call('commit', 'write', options, (member, grpc) =>
      member.etcd.kv.txn(
        {
          compare: commit.guards.map(compareOf),
          success: commit.changes.map(operationOf),
          failure: (commit.otherwiseRead ?? []).map((key) => ({ request_range: { key: keyBytes(key) } })),
        },
        grpc,
      ),
    );
    if (answer.succeeded) return { isCommitted: true, revision: BigInt(answer.header.revision) };
    const found = answer.responses.flatMap(({ response_range: range }) => range.kvs.map(toKeyValue));
    return { isCommitted: false, current: new Map(found.map((item) => [item.key, item])) };
  }

  watch(options: WatchOptions): Promise<void> {
    return watchStream(this.#cluster, options, this.#watchTiming);
  }

  close(): void {
    this.#cluster.close();
  }

  /** One put in a transaction, under a lease of its own when the key is to expire. */
  #write(
    identity: string,
    key: string,
    value: string,
    compare: ICompare | undefined,
    options: WriteOptions,
  ): Promise<ITxnResponse> {
    const { ttlSeconds } = options;
    return this.#cluster.call(identity, 'write', options, async (member, grpc) => {
      const lease = ttlSeconds === undefined ? undefined : await grantLease(member, ttlSeconds, grpc);
      const put: IPutRequest = {
        key: keyBytes(key),
        value: Buffer.from(value),
        ...(lease === undefined ? {} : { lease }),
      };
      const failure: IRequestOp[] = compare === undefined ? [] : [{ request_range: { key: keyBytes(key) } }];
      const answer = await member.etcd.kv.txn(
        { compare: compare === undefined ? [] : [compare], success: [{ request_put: put }], failure },
        grpc,
      );
      if (!answer.succeeded && lease !== undefined) await member.etcd.leaseClient.leaseRevoke({ ID: lease }, grpc);
      return answer;
    });
  }
}

async function grantLease(member: EtcdMember, ttlSeconds: number, grpc: { deadline: number }): Promise<string> {
  const answer = await member.etcd.leaseClient.leaseGrant({ TTL: Math.max(1, Math.trunc(ttlSeconds)) }, grpc);
  return answer.ID;
}

function atRevision(key: string, revision: bigint): ICompare {
  return { key: keyBytes(key), target: 'Mod', result: 'Equal', mod_revision: String(revision) };
}

function compareOf(guard: Guard): ICompare {
  if (guard.type === 'key') {
    return guard.revision === 0n
      ? { key: keyBytes(guard.key), target: 'Version', result: 'Equal', version: 0 }
      : atRevision(guard.key, guard.revision);
  }
  return {
    key: keyBytes(guard.prefix),
    range_end: prefixEnd(guard.prefix),
    target: 'Mod',
    result: 'Less',
    mod_revision: String(guard.unchangedSince + 1n),
  };
}

function operationOf(change: Change): IRequestOp {
  const key = keyBytes(change.key);
  return change.type === 'put'
    ? { request_put: { key, value: Buffer.from(change.value) } }
    : { request_delete_range: { key } };
}

function missed(key: string, expected: bigint | undefined, current: KeyValue | undefined): DatastoreError {
  if (current === undefined) return new DatastoreError('not-found', `${key} does not exist`, { identity: key });
  return new DatastoreError(
    'conflict',
    `${key} was changed by somebody else: at revision ${current.revision}, not ${String(expected)}`,
    { identity: key, current },
  );
}

/** What the failure branch of a transaction read. */
function currentOf(answer: ITxnResponse): KeyValue | undefined {
  const [response] = answer.responses;
  return response === undefined || answer.succeeded ? undefined : keyValueOf(response.response_range.kvs[0]);
}

function keyValueOf(found: IKeyValue | undefined): KeyValue | undefined {
  return found === undefined ? undefined : toKeyValue(found);
}

function toKeyValue(found: IKeyValue): KeyValue {
  return { key: found.key.toString(), value: found.value.toString(), revision: BigInt(found.mod_revision) };
}
