import { etcdV3, type UnaryCallOptions } from '@calico-node/rpc';
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
    const answer = await this.#cluster.call(`get ${key}`, 'read', options, (member, call) =>
      member.kv.range(rangeOf(keyBytes(key), options.revision), call),
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
        (member, call) => {
          const rest = { ...rangeOf(key, revision), rangeEnd: prefixEnd(prefix), limit: BigInt(pageSize) };
          return member.kv.range(rest, call);
        },
      );
      revision ??= revisionOf(page);
      for (const found of page.kvs) items.push(toKeyValue(found));
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return { items, revision, storeId: String(page.header?.clusterId ?? 0n) };
      key = keyAfter(last.key);
    }
  }

  async create(key: string, value: string, options: WriteOptions = {}): Promise<KeyValue> {
    const answer = await this.#write(`create ${key}`, key, value, absent(key), options);
    if (answer.succeeded) return { key, value, revision: revisionOf(answer) };
    throw new DatastoreError('already-exists', `${key} already exists`, { identity: key, current: currentOf(answer) });
  }

  async update(key: string, value: string, expectedRevision: bigint, options: WriteOptions = {}): Promise<KeyValue> {
    const answer = await this.#write(`update ${key}`, key, value, atRevision(key, expectedRevision), options);
    if (answer.succeeded) return { key, value, revision: revisionOf(answer) };
    throw missed(key, expectedRevision, currentOf(answer));
  }

  async put(key: string, value: string, options: WriteOptions = {}): Promise<KeyValue> {
    const answer = await this.#write(`put ${key}`, key, value, undefined, options);
    return { key, value, revision: revisionOf(answer) };
  }

  async delete(key: string, expectedRevision?: bigint, options: CallOptions = {}): Promise<KeyValue> {
    const answer = await this.#cluster.call(`delete ${key}`, 'write', options, (member, call) =>
      member.kv.txn(
        {
          compare: expectedRevision === undefined ? [] : [atRevision(key, expectedRevision)],
          success: [deletion(key, true)],
          failure: [reading(key)],
        },
        call,
      ),
    );
    if (answer.succeeded) {
      const response = answer.responses[0]?.response;
      const deleted = response?.$case === 'responseDeleteRange' ? keyValueOf(response.value.prevKvs[0]) : undefined;
      if (deleted !== undefined) return deleted;
    }
    throw missed(key, expectedRevision, currentOf(answer));
  }

  async commit(commit: Commit, options: CallOptions = {}): Promise<CommitResult> {
    const answer = await this.#cluster.call('commit', 'write', options, (member, call) =>
      member.kv.txn(
        {
          compare: commit.guards.map(compareOf),
          success: commit.changes.map(operationOf),
          failure: (commit.otherwiseRead ?? []).map(reading),
        },
        call,
      ),
    );
    if (answer.succeeded) return { isCommitted: true, revision: revisionOf(answer) };
    const found = answer.responses.flatMap((response) => foundBy(response).map(toKeyValue));
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
    compare: etcdV3.Compare | undefined,
    options: WriteOptions,
  ): Promise<etcdV3.TxnResponse> {
    const { ttlSeconds } = options;
    return this.#cluster.call(identity, 'write', options, async (member, call) => {
      const lease = ttlSeconds === undefined ? 0n : await grantLease(member, ttlSeconds, call);
      const request = {
        compare: compare === undefined ? [] : [compare],
        success: [writing(key, value, lease)],
        failure: compare === undefined ? [] : [reading(key)],
      };
      const answer = await member.kv.txn(request, call);
      if (!answer.succeeded && lease !== 0n) await member.lease.leaseRevoke({ ID: lease }, call);
      return answer;
    });
  }
}

async function grantLease(member: EtcdMember, ttlSeconds: number, call: UnaryCallOptions): Promise<bigint> {
  const { ID } = await member.lease.leaseGrant({ TTL: BigInt(Math.max(1, Math.trunc(ttlSeconds))), ID: 0n }, call);
  return ID;
}

const { EQUAL, LESS } = etcdV3.Compare_CompareResult;
const { VERSION, MOD } = etcdV3.Compare_CompareTarget;
/** A single key, where etcd asks for a range. */
const single = Buffer.alloc(0);

function absent(key: string): etcdV3.Compare {
  const targetUnion = { $case: 'version', value: 0n } as const;
  return { key: keyBytes(key), rangeEnd: single, target: VERSION, result: EQUAL, targetUnion };
}

function atRevision(key: string, revision: bigint): etcdV3.Compare {
  const targetUnion = { $case: 'modRevision', value: revision } as const;
  return { key: keyBytes(key), rangeEnd: single, target: MOD, result: EQUAL, targetUnion };
}

function compareOf(guard: Guard): etcdV3.Compare {
  if (guard.type === 'key') return guard.revision === 0n ? absent(guard.key) : atRevision(guard.key, guard.revision);
  const targetUnion = { $case: 'modRevision', value: guard.unchangedSince + 1n } as const;
  const { prefix } = guard;
  return { key: keyBytes(prefix), rangeEnd: prefixEnd(prefix), target: MOD, result: LESS, targetUnion };
}

function rangeOf(key: Buffer, revision = 0n): etcdV3.RangeRequest {
  return { key, rangeEnd: single, limit: 0n, revision };
}

function reading(key: string): etcdV3.RequestOp {
  return { request: { $case: 'requestRange', value: rangeOf(keyBytes(key)) } };
}

function writing(key: string, value: string, lease = 0n): etcdV3.RequestOp {
  return { request: { $case: 'requestPut', value: { key: keyBytes(key), value: Buffer.from(value), lease } } };
}

function deletion(key: string, prevKv: boolean): etcdV3.RequestOp {
  return { request: { $case: 'requestDeleteRange', value: { key: keyBytes(key), rangeEnd: single, prevKv } } };
}

function operationOf(change: Change): etcdV3.RequestOp {
  return change.type === 'put' ? writing(change.key, change.value) : deletion(change.key, false);
}

function missed(key: string, expected: bigint | undefined, current: KeyValue | undefined): DatastoreError {
  if (current === undefined) return new DatastoreError('not-found', `${key} does not exist`, { identity: key });
  return new DatastoreError(
    'conflict',
    `${key} was changed by somebody else: at revision ${current.revision}, not ${String(expected)}`,
    { identity: key, current },
  );
}

/** The store's revision when it answered. */
function revisionOf({ header }: { readonly header: etcdV3.ResponseHeader | undefined }): bigint {
  return header?.revision ?? 0n;
}

function foundBy({ response }: etcdV3.ResponseOp): readonly etcdV3.KeyValue[] {
  return response?.$case === 'responseRange' ? response.value.kvs : [];
}

/** What the failure branch of a transaction read. */
function currentOf(answer: etcdV3.TxnResponse): KeyValue | undefined {
  const [response] = answer.responses;
  return response === undefined || answer.succeeded ? undefined : keyValueOf(foundBy(response)[0]);
}

function keyValueOf(found: etcdV3.KeyValue | undefined): KeyValue | undefined {
  return found === undefined ? undefined : toKeyValue(found);
}

function toKeyValue({ key, value, modRevision }: etcdV3.KeyValue): KeyValue {
  return { key: key.toString(), value: value.toString(), revision: modRevision };
}
