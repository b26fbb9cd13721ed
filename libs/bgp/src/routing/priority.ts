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
export function priorityOf({ priority, localPref = defaultLocalPref }: PathAttributes): number {
  return priority ?? (localPref === defaultLocalPref ? normalPriority : largest - localPref);
}
