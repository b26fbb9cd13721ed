import type { Resources } from '@calico-node/datastore';
import { CommandError } from '../../io.ts';
import type { DryRunImpact } from './impact.ts';

/** Of commands that change resources. */
export interface ImpactOptions {
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
  /** Of a dry run: say what it does to verdicts. */
  readonly impact?: boolean;
}

/** @throws CommandError where nothing is run dry. */
export function refuseImpactAlone({ dryRun, impact }: ImpactOptions): void {
  if (impact === true && dryRun !== true) throw new CommandError('--impact needs --dry-run');
}

/** To be opened before anything is done; `undefined` where it is not asked for. */
export async function openImpact({ impact }: ImpactOptions, resources: Resources): Promise<DryRunImpact | undefined> {
  if (impact !== true) return undefined;
  const { DryRunImpact } = await import('./impact.ts');
  return DryRunImpact.open(resources);
}
