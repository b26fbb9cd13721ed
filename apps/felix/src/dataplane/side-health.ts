import type { Logger, Reporter } from '@calico-node/service';

export interface SideHealthOptions {
  readonly health: Pick<Reporter, 'report'>;
  /** Whether the node counts as ready while there is a problem. */
  readonly isReadyAnyway: boolean;
  /** What the problem means, before its text. */
  readonly meaning: string;
  /** What the operator can do. */
  readonly remedy?: string;
  readonly log: Pick<Logger, 'error' | 'warn'>;
}

/** Reports on a part of the data plane that holds up nothing else: each problem once to the log, and always to health. */
export class SideHealth {
  readonly #options: SideHealthOptions;
  #problem: string | undefined;

  constructor(options: SideHealthOptions) {
    this.#options = options;
  }

  /** `undefined`: all is as it should be. */
  report(problem: string | undefined): void {
    const { health, isReadyAnyway, meaning, remedy, log } = this.#options;
    const before = this.#problem;
    this.#problem = problem;
    if (problem === undefined) {
      health.report({ ready: true });
      return;
    }
    health.report({ ready: isReadyAnyway, reason: `${meaning}: ${problem}`, remedy });
    if (problem === before) return;
    log[isReadyAnyway ? 'warn' : 'error']({ reason: problem }, `${meaning}; trying again`);
  }
}
