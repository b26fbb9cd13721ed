import type { Resources } from '@calico-node/datastore';
import { CommandError, type Io } from '../../io.ts';
import type { AnswerFormat } from '../explain/answer-format.ts';
import type { DryRunImpact } from './impact.ts';

/** Of commands that change resources. */
export interface ImpactOptions {
  /** Say what would be done, and do nothing. */
  readonly dryRun?: boolean;
  /** Of a dry run: say what it does to verdicts. */
  readonly impact?: boolean;
  /** How that is printed. */
  readonly output?: AnswerFormat;
}

/** @throws CommandError where nothing is run dry, and where there is nothing to print otherwise. */
export function refuseImpactAlone({ dryRun, impact, output }: ImpactOptions): void {
  if (impact === true && dryRun !== true) throw new CommandError('--impact needs --dry-run');
  if (output !== undefined && impact !== true) throw new CommandError('--output needs --impact');
}

/** Where the rest is said: aside, when the impact is for a program to read. */
export function besideImpact({ output = 'text' }: ImpactOptions, io: Io): Io {
  if (output === 'text') return io;
  const out = (text: string): void => {
    io.err(text);
  };
  return { ...io, out };
}

/** To be opened before anything is done; `undefined` where it is not asked for. */
export async function openImpact(
  { impact, output = 'text' }: ImpactOptions,
  resources: Resources,
): Promise<DryRunImpact | undefined> {
  if (impact !== true) return undefined;
  const { DryRunImpact } = await import('./impact.ts');
  return DryRunImpact.open(resources, output);
}
