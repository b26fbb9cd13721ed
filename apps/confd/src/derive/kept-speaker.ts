import { deriveSpeaker, type Speaker, type SpeakerResources } from './derive.ts';
import type { SecretLookup } from './password.ts';
import { Problems } from './problems.ts';
import type { Complain, RenderOptions, RenderProblem } from './resources.ts';

/** A speaker, what was made of it, and the problems met on the way. */
interface Kept<Made> {
  readonly inputs: readonly unknown[];
  /** The secrets that were looked up, with what they were then. */
  readonly secrets: readonly (readonly [name: string, key: string, value: string | undefined])[];
  readonly speaker: Speaker;
  readonly made: Made;
  readonly problems: readonly RenderProblem[];
}

/**
 * The speaker as it was derived last, and what is rendered of it alone, kept while the lists of resources that it is
 * made of are the same and no password has changed. A claimed block or a service then costs no look at all nodes.
 */
export class KeptSpeaker<Made> {
  readonly #make: (speaker: Speaker, complain: Complain) => Made;
  #kept: Kept<Made> | undefined;

  constructor(make: (speaker: Speaker, complain: Complain) => Made) {
    this.#make = make;
  }

  of(resources: SpeakerResources, options: RenderOptions): Pick<Kept<Made>, 'speaker' | 'made' | 'problems'> {
    const { nodes, configurations, peers, filters, workloads } = resources;
    const inputs = [nodes, configurations, peers, filters, workloads, options];
    if (this.#kept === undefined || !isStillSo(this.#kept, inputs, options.secretOf)) {
      this.#kept = this.#derive(resources, options, inputs);
    }
    return this.#kept;
  }

  #derive(resources: SpeakerResources, options: RenderOptions, inputs: readonly unknown[]): Kept<Made> {
    const problems = new Problems();
    const secrets: Kept<Made>['secrets'][number][] = [];
    const secretOf: SecretLookup = (name, key) => {
      const value = options.secretOf?.(name, key);
      secrets.push([name, key, value]);
      return value;
    };
    const speaker = deriveSpeaker(resources, { ...options, secretOf }, problems.complain);
    const made = this.#make(speaker, problems.complain);
    return { inputs, secrets, speaker, made, problems: problems.list() };
  }
}

function isStillSo(
  kept: Pick<Kept<unknown>, 'inputs' | 'secrets'>,
  inputs: readonly unknown[],
  secretOf: SecretLookup | undefined,
): boolean {
  return (
    kept.inputs.every((input, index) => input === inputs[index]) &&
    kept.secrets.every(([name, key, value]) => secretOf?.(name, key) === value)
  );
}
