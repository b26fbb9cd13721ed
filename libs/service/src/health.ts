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
  /**
   * Begins a piece of work, which disposing ends. While one lasts longer than the component's limit, the component is
   * neither live nor ready: it hangs.
   */
  work(): Disposable;
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
  /** When the pieces of work that are under way must have ended, by component. */
  readonly #deadlines = new Map<string, Set<{ readonly at: number }>>();
  readonly #now: () => number;

  /** @param now milliseconds that never go back. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Adds a component, in place of one of that name, and gives it the means to report.
   *
   * @param limitSeconds how long a piece of work that begins now may take; 0: for ever.
   */
  register(name: string, limitSeconds: () => number = () => 0): Reporter {
    this.#states.set(name, { ready: false, live: true, reason: 'starting', remedy: undefined });
    const deadlines = new Set<{ readonly at: number }>();
    this.#deadlines.set(name, deadlines);
    return {
      report: ({ ready, live = true, reason = '', remedy }) => {
        this.#states.set(name, { ready, live, reason, remedy });
      },
      work: () => {
        const limit = limitSeconds();
        const deadline = { at: limit === 0 ? Infinity : this.#now() + limit * 1000 };
        deadlines.add(deadline);
        return {
          [Symbol.dispose]: () => {
            deadlines.delete(deadline);
          },
        };
      },
    };
  }

  /** Forgets all components, for what begins anew and registers its own, which may be others. */
  clear(): void {
    this.#states.clear();
    this.#deadlines.clear();
  }

  readiness(): HealthReport {
    return this.#conjoin('ready');
  }

  liveness(): HealthReport {
    return this.#conjoin('live');
  }

  #conjoin(field: 'ready' | 'live'): HealthReport {
    const components = [...this.#states].map(([name, state]) => {
      const overdue = this.#overdueMs(name);
      if (overdue > 0) {
        const reason = `hangs: a piece of work should have been done ${Math.round(overdue / 1000)} s ago`;
        return { name, ok: false, reason };
      }
      const { reason, remedy } = state;
      return { name, ok: state[field], reason, ...(remedy === undefined ? {} : { remedy }) };
    });
    return { ok: components.every((component) => component.ok), components };
  }
  #overdueMs(name: string): number {
    const now = this.#now();
    return Math.max(0, ...[...(this.#deadlines.get(name) ?? [])].map(({ at }) => now - at));
  }
}
