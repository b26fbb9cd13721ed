/**
 * Route priorities as Calico has them: kernel metrics, the smaller the better. Between nodes a priority travels as
 * LOCAL_PREF, counted down from the largest 31-bit number.
 */
import type { PathAttributes } from '../wire/path-attributes.ts';
import { defaultLocalPref } from './decision.ts';

/** Of routes to which nobody has given another (BGPConfiguration, `ipv4NormalRoutePriority`). */
export const normalPriority = 1024;

const largest = 0x7fffffff;

/** The LOCAL_PREF that stands for a priority. */
export function localPrefFor(priority: number): number {
  return largest - priority;
}

/** A route's priority: its kernel metric, or what its LOCAL_PREF stands for unless that is the usual one. */
export function priorityOf(
  { priority, localPref = defaultLocalPref }: PathAttributes,
  normal = normalPriority,
): number {
  return priority ?? (localPref === defaultLocalPref ? normal : largest - localPref);
}

/** The priority that a LOCAL_PREF from a peer in our AS stands for, where it is better than the usual one. */
export function elevatedPriority({ localPref = defaultLocalPref }: PathAttributes, normal: number): number | undefined {
  const priority = largest - localPref;
  return localPref > defaultLocalPref && priority > 0 && priority < normal ? priority : undefined;
}

/** Whether a route goes before usual ones: its metric is its own, and better than theirs. */
export function isElevated({ priority }: PathAttributes, normal: number): boolean {
  return priority !== undefined && priority < normal;
}
