import { int, oneOf, string, time } from '../schema/scalars.ts';
import { always, optional, struct } from '../schema/struct.ts';

/** Kubernetes' Condition. */
export const condition = struct('Condition', {
  type: always(string),
  status: always(oneOf('True', 'False', 'Unknown')),
  observedGeneration: optional(int()),
  lastTransitionTime: always(time),
  reason: always(string),
  message: always(string),
});
