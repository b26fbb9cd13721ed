import type { Health, Logger, Reporter } from '@calico-node/service';
import type { CalcGraph } from '../calc/calc-graph.ts';
import type { ClusterServices, Knowledge } from './cluster-services.ts';

export interface ServiceEndpointsOptions {
  readonly services: ClusterServices;
  readonly calc: CalcGraph;
  readonly health: Health;
  readonly log: Logger;
  /** Endpoints changed, so many slices of them, or nothing has to be waited for any more. */
  readonly onChange: (slices: number) => void;
}

/** What each kind of knowledge but the good one means to who names services in rules. */
const meanings: Readonly<Record<Exclude<Knowledge, 'listed'>, string>> = {
  waiting: 'rules name services, whose endpoints the Kubernetes API has not told yet: nothing is changed before',
  refused: 'rules name services, whose endpoints the Kubernetes API does not let us read: they match nothing',
  absent: 'rules name services, and there is no Kubernetes here: they match nothing',
};

/** Brings the endpoints of services to the calculation, from when the first rule that this host needs names one. */
export class ServiceEndpoints {
  readonly #options: ServiceEndpointsOptions;
  #slices: { readonly knowledge: Knowledge } | undefined;
  #health: Reporter | undefined;
  #told: Knowledge | undefined;
  #changed = 0;

  constructor(options: ServiceEndpointsOptions) {
    this.#options = options;
  }

  /**
   * Whether what the calculation has may go to the kernel: not while a rule asks for endpoints that were never listed,
   * since a rule that denies a service would deny nothing.
   */
  get areKnown(): boolean {
    if (!this.#options.calc.asksForServices) return true;
    this.#slices ??= this.#follow();
    this.#tell(this.#slices.knowledge);
    return this.#slices.knowledge !== 'waiting';
  }

  #follow(): { readonly knowledge: Knowledge } {
    const { services, calc, health, onChange } = this.#options;
    this.#health = health.register('services');
    return services.followSlices(
      (key, value) => {
        this.#changed += 1;
        calc.updateEndpointSlice({ key, value, revision: calc.revision });
      },
      () => {
        const changed = this.#changed;
        this.#changed = 0;
        onChange(changed);
      },
    );
  }

  #tell(knowledge: Knowledge): void {
    if (knowledge === this.#told) return;
    this.#told = knowledge;
    if (knowledge === 'listed') {
      this.#health?.report({ ready: true });
      return;
    }
    const reason = meanings[knowledge];
    this.#health?.report({ ready: knowledge !== 'waiting', reason });
    this.#options.log.warn(reason);
  }
}
