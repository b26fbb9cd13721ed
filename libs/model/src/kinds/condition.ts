import { int, oneOf, string, timeOrZero } from '../schema/scalars.ts';
import { always, optional, struct } from '../schema/struct.ts';

/** Kubernetes' Condition. */
export const condition = struct('Condition', {
  type: always(string, 'What the condition is about.'),
  status: always(oneOf('True', 'False', 'Unknown'), 'Whether it holds.'),
  observedGeneration: optional(int(), 'The generation that it speaks of.'),
  lastTransitionTime: always(timeOrZero, 'When it last changed.'),
  reason: always(string, 'Why, in one word.'),
  message: always(string, 'Why, for people.'),
});
