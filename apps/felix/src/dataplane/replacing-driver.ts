import type { Logger } from '@calico-node/service';
import type { Intent, LocalWorkloadEndpoint } from '../calc/intents.ts';
import type { Leftovers } from './leftovers/leftovers.ts';
import type { PolicyCounts, PolicyDriver } from './policy-driver.ts';

/**
 * A driver that takes the place of another, which ran before it: what that one left stays in force until the new rules
 * are in, and is taken away then. Between the two a packet has to pass both.
 */
export class ReplacingDriver implements PolicyDriver {
  readonly #driver: PolicyDriver;
  readonly #log: Pick<Logger, 'info'>;
  #leftovers: readonly Leftovers[];
  #isInSync = false;

  constructor(driver: PolicyDriver, leftovers: readonly Leftovers[], log: Pick<Logger, 'info'>) {
    this.#driver = driver;
    this.#leftovers = leftovers;
    this.#log = log;
  }

  get writes(): number {
    return this.#driver.writes;
  }

  get repairs(): number {
    return this.#driver.repairs;
  }

  get pieceSize(): number {
    return this.#driver.pieceSize;
  }

  update(intents: readonly Intent[]): void {
    this.#isInSync ||= intents.some(({ type }) => type === 'in-sync');
    this.#driver.update(intents);
  }

  /** Nothing is closed that the old rules still guard. */
  installSkeleton(): void {
    const inForce = this.#leftovers.filter((leftovers) => leftovers.isInForce()).map(({ name }) => name);
    if (inForce.length === 0) this.#driver.installSkeleton();
    else this.#log.info({ inForce }, 'the rules of another packet filter stay in force until the new ones are in');
  }

  async apply(): Promise<void> {
    if (!this.#isInSync) {
      this.installSkeleton();
      return;
    }
    await this.#driver.apply();
    let isFreed = false;
    for (const leftovers of this.#leftovers) {
      const wasThere = await leftovers.remove();
      if (wasThere) this.#log.info({ of: leftovers.name }, 'took the old packet filter away');
      isFreed ||= wasThere;
      this.#leftovers = this.#leftovers.filter((other) => other !== leftovers);
    }
    // IP sets that only the old rules looked into can go now.
    if (isFreed) await this.#driver.apply();
  }

  resync(): void {
    this.#driver.resync();
  }

  get hasProblems(): boolean {
    return this.#driver.hasProblems;
  }

  problemOf(endpoint: LocalWorkloadEndpoint): string | undefined {
    return this.#driver.problemOf(endpoint);
  }

  counts(): PolicyCounts {
    return this.#driver.counts();
  }

  close(): void {
    this.#driver.close();
  }
}
