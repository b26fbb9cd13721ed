/** What a component says of itself. `reason` is for the operator, and required when not well. */
export interface Reporter {
  report(state: { readonly ready: boolean; readonly live?: boolean; readonly reason?: string }): void;
}

export interface HealthReport {
  readonly ok: boolean;
  readonly components: readonly { readonly name: string; readonly ok: boolean; readonly reason: string }[];
}

/**
 * Liveness and readiness of a process: the conjunction of its components. A component counts as live
 * but not ready until it first reports.
 */
export class Health {
  readonly #states = new Map<string, { ready: boolean; live: boolean; reason: string }>();

  /** Adds a component and gives it the means to report. */
  register(name: string): Reporter {
    this.#states.set(name, { ready: false, live: true, reason: 'starting' });
    return {
      report: ({ ready, live = true, reason = '' }) => {
        this.#states.set(name, { ready, live, reason });
      },
    };
  }

  readiness(): HealthReport {
    return this.#conjoin('ready');
  }

  liveness(): HealthReport {
    return this.#conjoin('live');
  }

  #conjoin(field: 'ready' | 'live'): HealthReport {
    const components = [...this.#states].map(([name, state]) => ({ name, ok: state[field], reason: state.reason }));
    return { ok: components.every((component) => component.ok), components };
  }
}
