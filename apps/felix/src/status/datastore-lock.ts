import { decodeResource, resourceKey, ValidationError } from '@calico-node/model';
import type { Health, Logger, Reporter } from '@calico-node/service';
import type { StoreUpdate } from '../calc/calc-graph.ts';

const key = resourceKey('ClusterInformation', 'default');
const reason =
  'the datastore is locked (datastoreReady of ClusterInformation): nothing is changed before it is unlocked';

/**
 * Whether somebody has locked the datastore, as for its migration (`calicoctl datastore migrate lock`): what it holds may
 * be half of something, and none of it goes to the kernel. What is there stays.
 */
export class DatastoreLock {
  readonly #health: Health;
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  #reporter: Reporter | undefined;
  #isLocked = false;

  constructor(health: Health, log: Pick<Logger, 'info' | 'warn'>) {
    this.#health = health;
    this.#log = log;
  }

  get isLocked(): boolean {
    return this.#isLocked;
  }

  /** Takes a key's new state; others than that of the cluster's information are ignored. */
  update(update: StoreUpdate): void {
    if (update.key !== key) return;
    const isLocked = saysLocked(update);
    if (isLocked === this.#isLocked) return;
    this.#isLocked = isLocked;
    this.#reporter ??= this.#health.register('datastore lock');
    this.#reporter.report(
      isLocked ? { ready: false, reason, remedy: 'calicoctl datastore migrate unlock' } : { ready: true },
    );
    if (isLocked) this.#log.warn(reason);
    else this.#log.info('the datastore is unlocked');
  }
}

/** What cannot be read locks nothing. */
function saysLocked({ value, revision }: StoreUpdate): boolean {
  if (value === undefined) return false;
  try {
    return decodeResource('ClusterInformation', value, revision).spec.datastoreReady === false;
  } catch (error) {
    if (error instanceof ValidationError) return false;
    throw error;
  }
}
