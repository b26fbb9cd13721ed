import { sleep } from '@calico-node/service';
import type { FelixParameters } from './config/parameters.ts';

type FaultParameters = Pick<
  FelixParameters,
  | 'DebugPanicAfter'
  | 'DebugSimulateCalcGraphHangAfter'
  | 'DebugSimulateDataplaneApplyDelay'
  | 'DebugSimulateDataplaneHangAfter'
>;

/** Faults of Felix itself, for tests of what watches over it; in seconds after the start, 0 for never. */
export class SimulatedFaults {
  readonly #values: FaultParameters;
  readonly #signal: AbortSignal;
  readonly #startedAt = performance.now();

  constructor(values: FaultParameters, signal: AbortSignal) {
    this.#values = values;
    this.#signal = signal;
  }

  /** Whether the calculation hangs by now. */
  get calculationHangs(): boolean {
    return this.#isPast(this.#values.DebugSimulateCalcGraphHangAfter);
  }

  /** Before an apply: takes its time, or does not return before the signal fires. */
  readonly beforeApply = async (): Promise<void> => {
    const { DebugSimulateDataplaneHangAfter: hang, DebugSimulateDataplaneApplyDelay: delay } = this.#values;
    if (this.#isPast(hang)) await this.#untilStopped();
    else if (delay > 0) await sleep(delay * 1000, this.#signal);
  };

  /** Rejects when Felix is to fail; does not return before the signal fires. */
  async panic(): Promise<void> {
    const { DebugPanicAfter: seconds } = this.#values;
    if (seconds === 0) await this.#untilStopped();
    else await sleep(seconds * 1000, this.#signal);
    if (!this.#signal.aborted) throw new Error('DebugPanicAfter asks Felix to fail');
  }

  #isPast(seconds: number): boolean {
    return seconds > 0 && performance.now() - this.#startedAt >= seconds * 1000;
  }

  async #untilStopped(): Promise<void> {
    if (this.#signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
    });
  }
}
