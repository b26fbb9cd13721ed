/**
 * What a component says of itself. `reason` is for the operator, and required when not well; `remedy` is what
 * the operator can do, where that is known.
 */
export interface ComponentReport {
  readonly ready: boolean;
  readonly live?: boolean;
  readonly reason?: string;
  readonly remedy?: string | undefined;
}

export interface Reporter {
  report(state: ComponentReport): void;
}

/** A component in a report; `remedy` is there when it is known. */
export interface ComponentHealth {
  readonly name: string;
  readonly ok: boolean;
  readonly reason: string;
  readonly remedy?: string;
}

export interface HealthReport {
  readonly ok: boolean;
  readonly components: readonly ComponentHealth[];
}

/**
 * Liveness and readiness of a process: the conjunction of its components. A component counts as live
 * but not ready until it first reports.
 */
export class Health {
  readonly #states = new Map<string, Required<ComponentReport>>();

  /** Adds a component and gives it the means to report. */
  register(name: string): Reporter {
    this.#states.set(name, { ready: false, live: true, reason: 'starting', remedy: undefined });
    return {
      report: ({ ready, live = true, reason = '', remedy }) => {
        this.#states.set(name, { ready, live, reason, remedy });
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
    const components = [...this.#states].map(([name, state]) => ({
      name,
      ok: state[field],
      reason: state.reason,
      ...(state.remedy === undefined ? {} : { remedy: state.remedy }),
    }));
    return { ok: components.every((component) => component.ok), components };
  }
}
