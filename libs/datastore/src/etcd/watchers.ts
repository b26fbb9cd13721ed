import type { WatchOptions } from '../backend.ts';

/** One of the watchers of a stream: a range of keys, and what is wanted of it. */
export interface Watcher {
  readonly range: string;
  /** The first revision wanted of the range. */
  readonly from: bigint;
  /** The first revision wanted of each prefix. */
  readonly prefixes: ReadonlyMap<string, bigint>;
}

type Wanted = Pick<WatchOptions, 'prefixes' | 'fromRevision' | 'told' | 'inOrder'>;

/**
 * Where order is asked for, one watcher for all prefixes that lie beside one another: etcd tells each watcher of its
 * events in order, but when it lags, one watcher before another. Whatever else lies there comes too, which is why
 * nobody gets that unasked.
 */
export function watchersFor(wanted: Wanted): readonly Watcher[] {
  if (wanted.inOrder !== true) return separateWatchers(wanted);
  return [...Map.groupBy(separateWatchers(wanted), ({ range }) => parentOf(range))].flatMap(([parent, watchers]) =>
    parent === '' || watchers.length === 1 ? watchers : [together(parent, watchers)],
  );
}

/** One watcher for each prefix. */
export function separateWatchers({ prefixes, fromRevision, told }: Wanted): readonly Watcher[] {
  return prefixes.map((prefix) => {
    const before = told?.get(prefix);
    const from = before === undefined ? fromRevision : before + 1n;
    return { range: prefix, from, prefixes: new Map([[prefix, from]]) };
  });
}

function together(range: string, watchers: readonly Watcher[]): Watcher {
  const from = watchers.map((watcher) => watcher.from).reduce((least, one) => (one < least ? one : least));
  return { range, from, prefixes: new Map(watchers.flatMap(({ prefixes }) => [...prefixes])) };
}

/** What a prefix lies in: `/a/b/` lies in `/a/`. The root is nothing to watch. */
function parentOf(prefix: string): string {
  const parent = prefix.slice(0, prefix.replace(/\/$/, '').lastIndexOf('/') + 1);
  return parent === '/' ? '' : parent;
}
