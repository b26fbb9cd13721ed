import type { ClientDuplexStream } from '@grpc/grpc-js';
import { etcdV3 } from '@calico-node/rpc';
import type { KeyValue, WatchEvent, WatchOptions } from '../backend.ts';
import { DatastoreError } from '../errors.ts';
import type { EtcdCluster } from './cluster.ts';
import { toDatastoreError } from './failure.ts';
import { keyBytes, prefixEnd } from './range.ts';
import { separateWatchers, watchersFor, type Watcher } from './watchers.ts';

export interface WatchTiming {
  /**
   * How long the stream may be silent before etcd is asked for a sign of life, and how long etcd may
   * take to give it, in milliseconds.
   */
  readonly silenceMs: number;
  /** How long etcd may take to accept a watch; short, so that a network that returns is soon tried again. */
  readonly acceptMs: number;
}

const defaultTiming: WatchTiming = { silenceMs: 5000, acceptMs: 2000 };

type Stream = ClientDuplexStream<etcdV3.WatchRequest, etcdV3.WatchResponse>;

/**
 * One gRPC stream of etcd's Watch service, with the watchers that `watchersFor` gives. It ends (with an error) on
 * anything that could hide a change: a compacted revision, a store that lost revisions (restored from
 * a backup), a lost leader, a connection that broke or went silent.
 */
export async function watchStream(
  cluster: EtcdCluster,
  options: WatchOptions,
  timing: Partial<WatchTiming> = {},
): Promise<void> {
  const { signal } = options;
  if (signal.aborted) return;
  const identity = `watch ${options.prefixes.join(' ')}`;
  const member = await cluster.member();
  try {
    const open = async (watchers: readonly Watcher[]): Promise<void> => {
      const metadata = await member.watchMetadata();
      await runStream(member.watch.watch(metadata), watchers, options, { ...defaultTiming, ...timing });
    };
    const watchers = watchersFor(options);
    try {
      await open(watchers);
    } catch (error) {
      // A user of etcd that may read each prefix, but not what lies between them.
      if (!(error instanceof RangeDenied) || watchers.length === options.prefixes.length) throw error;
      await open(separateWatchers(options));
    }
  } catch (error) {
    // Fires while the stream runs.
    if (options.signal.aborted) return;
    const failure = toDatastoreError(error, identity, cluster.describe());
    if (failure.code === 'unavailable') cluster.leave(member);
    throw failure;
  }
}

/** The user may not read the range of a watcher. */
class RangeDenied extends DatastoreError {}

function runStream(
  stream: Stream,
  watchers: readonly Watcher[],
  options: WatchOptions,
  timing: WatchTiming,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    const { signal } = options;
    const fragments = new Fragments();
    let started = 0;
    let done = false;
    const alive = new Liveness(
      timing,
      () => {
        stream.write({ requestUnion: { $case: 'progressRequest', value: {} } });
      },
      () => {
        finish(new DatastoreError('unavailable', 'etcd went silent'));
      },
    );

    function finish(error?: Error): void {
      if (done) return;
      done = true;
      alive.stop();
      signal.removeEventListener('abort', onAbort);
      stream.cancel();
      if (error === undefined) resolve();
      else reject(error);
    }
    function onAbort(): void {
      finish();
    }

    function onResponse(response: etcdV3.WatchResponse): void {
      if (done) return;
      alive.heard();
      const refusal = refusalOf(response, options);
      if (refusal !== undefined) {
        finish(refusal);
        return;
      }
      if (response.created) {
        started++;
        if (started === watchers.length) options.onStarted?.();
      }
      const all = fragments.add(response).map(toWatchEvent);
      const watcher = watchers[Number(response.watchId) - 1];
      const upTo = all.at(-1)?.revision ?? (isProgress(response) ? response.header?.revision : undefined);
      if (watcher === undefined || upTo === undefined) return;
      const events = all.filter((event) => isWanted(watcher, event));
      try {
        if (events.length > 0) options.onEvents(events);
        for (const prefix of watcher.prefixes.keys()) options.told?.set(prefix, upTo);
      } catch (error) {
        finish(error instanceof Error ? error : new Error(String(error)));
      }
    }

    signal.addEventListener('abort', onAbort, { once: true });
    stream.on('data', onResponse);
    stream.on('error', finish);
    stream.on('end', () => {
      finish(new DatastoreError('unavailable', 'etcd ended the watch'));
    });
    for (const [index, watcher] of watchers.entries()) {
      stream.write({ requestUnion: { $case: 'createRequest', value: createRequest(watcher, index, options) } });
    }
    // It may have fired while the stream was being opened.
    if (signal.aborted) finish();
  });
}

/**
 * Whether it tells a watcher that there was nothing up to the revision of its header. etcd does so every ten minutes,
 * to watchers that do not lag; the answers to our questions for a sign of life are for no watcher.
 */
function isProgress({ created, fragment, events }: etcdV3.WatchResponse): boolean {
  return !created && !fragment && events.length === 0;
}

/** What lies between the prefixes comes as well, and of a prefix that was told further what was told already. */
function isWanted({ prefixes }: Watcher, { key, revision }: WatchEvent): boolean {
  for (const [prefix, from] of prefixes) if (key.startsWith(prefix)) return revision >= from;
  return false;
}

function createRequest({ range, from }: Watcher, index: number, options: WatchOptions): etcdV3.WatchCreateRequest {
  return {
    key: range === '' ? Buffer.of(0) : keyBytes(range),
    rangeEnd: prefixEnd(range),
    startRevision: from,
    // Or a prefix without changes would go on from a revision that is compacted long since.
    progressNotify: true,
    prevKv: options.previous ?? false,
    watchId: BigInt(index + 1),
    fragment: true,
  };
}

function refusalOf(response: etcdV3.WatchResponse, options: WatchOptions): DatastoreError | undefined {
  const { fromRevision, storeId } = options;
  if (response.compactRevision > 0n) {
    return new DatastoreError('compacted', `etcd has compacted up to revision ${response.compactRevision}`);
  }
  if (response.created && response.canceled && response.cancelReason.includes('permission denied')) {
    return new RangeDenied('unavailable', `etcd cancelled the watch: ${response.cancelReason}`);
  }
  if (response.canceled) {
    return new DatastoreError('unavailable', `etcd cancelled the watch: ${response.cancelReason || 'no reason given'}`);
  }
  const { revision = 0n, clusterId } = response.header ?? {};
  if (response.created && storeId !== undefined && storeId !== String(clusterId)) {
    return new DatastoreError('compacted', `etcd cluster ${String(clusterId)} has taken the place of ${storeId}`);
  }
  if (response.created && revision < fromRevision - 1n) {
    return new DatastoreError(
      'compacted',
      `etcd is at revision ${revision}, before ${fromRevision}: it was restored from a backup or replaced`,
    );
  }
  return undefined;
}

/** Joins the pieces of a response that etcd cut because of its size, for each watcher. */
class Fragments {
  readonly #pending = new Map<bigint, etcdV3.Event[]>();

  /** The events that are now complete. */
  add(response: etcdV3.WatchResponse): readonly etcdV3.Event[] {
    const earlier = this.#pending.get(response.watchId);
    if (earlier === undefined && !response.fragment) return response.events;
    const joined = earlier ?? [];
    for (const event of response.events) joined.push(event);
    if (response.fragment) {
      this.#pending.set(response.watchId, joined);
      return [];
    }
    this.#pending.delete(response.watchId);
    return joined;
  }
}

/** Asks for a sign of life after a silence, and gives up when the silence goes on for as long again. */
class Liveness {
  readonly #timing: WatchTiming;
  readonly #ask: () => void;
  readonly #giveUp: () => void;
  #timer: NodeJS.Timeout;
  #isAccepted = false;
  #asked = true; // the watch's creation is the first question

  constructor(timing: WatchTiming, ask: () => void, giveUp: () => void) {
    this.#timing = timing;
    this.#ask = ask;
    this.#giveUp = giveUp;
    this.#timer = this.#every(timing.acceptMs);
  }

  heard(): void {
    this.#asked = false;
    if (this.#isAccepted) {
      this.#timer.refresh();
      return;
    }
    this.#isAccepted = true;
    clearInterval(this.#timer);
    this.#timer = this.#every(this.#timing.silenceMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #every(ms: number): NodeJS.Timeout {
    return setInterval(() => {
      this.#expired();
    }, ms);
  }

  #expired(): void {
    if (!this.#asked) {
      this.#asked = true;
      this.#ask();
      return;
    }
    // After a long stretch of work the answer may wait in the socket: read it before judging.
    setImmediate(() => {
      if (this.#asked) this.#giveUp();
    });
  }
}

function toWatchEvent(event: etcdV3.Event): WatchEvent {
  const { kv } = event;
  if (kv === undefined) throw new DatastoreError('unavailable', 'etcd sent an event without a key');
  const previous: KeyValue | undefined =
    event.prevKv === undefined
      ? undefined
      : {
          key: event.prevKv.key.toString(),
          value: event.prevKv.value.toString(),
          revision: event.prevKv.modRevision,
        };
  const put = event.type === etcdV3.Event_EventType.PUT;
  return {
    type: put ? (kv.createRevision === kv.modRevision ? 'created' : 'modified') : 'deleted',
    key: kv.key.toString(),
    value: put ? kv.value.toString() : '',
    revision: kv.modRevision,
    previous,
  };
}
