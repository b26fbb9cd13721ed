import type { FelixParameters } from '../config/parameters.ts';
import { durationsOf } from '../config/text-types.ts';

/** A part of Felix that says how it is. */
export type WatchedPart = 'calculation' | 'dataplane';

/** What Calico calls them, in small letters. */
const calicoNames: Readonly<Record<WatchedPart, string>> = {
  calculation: 'calculationgraph',
  dataplane: 'internaldataplanemainloop',
};

/** How long Calico's calculation graph may take. */
const CALCULATION_SECONDS = 20;

/**
 * How many seconds a part may be at one piece of work before it counts as hanging; 0: for ever. DataplaneWatchdogTimeout
 * says so of the data plane, HealthTimeoutOverrides of each, by our name or Calico's.
 */
export function workLimitOf(
  part: WatchedPart,
  {
    DataplaneWatchdogTimeout,
    HealthTimeoutOverrides,
  }: Pick<FelixParameters, 'DataplaneWatchdogTimeout' | 'HealthTimeoutOverrides'>,
): number {
  const overrides = durationsOf(HealthTimeoutOverrides);
  const override = overrides?.get(calicoNames[part]) ?? overrides?.get(part);
  return override ?? (part === 'dataplane' ? DataplaneWatchdogTimeout : CALCULATION_SECONDS);
}
