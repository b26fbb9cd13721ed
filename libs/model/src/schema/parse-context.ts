import type { Issue } from '../validation-error.ts';

/** A place in a document, as a chain towards its root, so that no path text is made before a problem is met. */
export interface Place {
  readonly parent: Place | undefined;
  readonly key: string | number;
}

export interface ParseMode {
  /** Unknown fields are problems; otherwise they are dropped. */
  readonly refusesUnknownFields: boolean;
  /** Fields that are missing get the CRD's defaults. */
  readonly fillsDefaults: boolean;
  /** Told of each unknown field that is dropped. */
  readonly onUnknownField?: (issue: Issue) => void;
  /** Values are held to the rules, as on the way into the store; what comes out of it is taken as it is. */
  readonly runsChecks: boolean;
}

/** What the store holds is read as it is, and what it does not know is dropped. */
export const READING: ParseMode = { refusesUnknownFields: false, fillsDefaults: false, runsChecks: false };

/** What stands for a value that could not be read; its context knows why. */
export const FAILED = Symbol('failed');

/** Collects the problems of one document. */
export class ParseContext {
  readonly mode: ParseMode;
  readonly issues: Issue[] = [];
  /** Values that had to be dropped because they are of a wrong type. */
  failures = 0;

  constructor(mode: ParseMode) {
    this.mode = mode;
  }

  /** A value that could be read but must not be. */
  report(place: Place | undefined, value: unknown, message: string): void {
    this.issues.push({ path: pathText(place), value, message });
  }

  /** A field that no schema knows: a problem, or dropped. */
  unknownField(place: Place, value: unknown): void {
    const message = 'is not a known field here';
    if (this.mode.refusesUnknownFields) this.fail(place, value, message);
    else this.mode.onUnknownField?.({ path: pathText(place), value, message });
  }

  /** A value that could not be read. */
  fail(place: Place | undefined, value: unknown, message: string): typeof FAILED {
    this.failures++;
    this.report(place, value, message);
    return FAILED;
  }
}

/** `spec.ports[0]`, and `metadata.labels["a/b"]` for keys that are no identifiers. */
export function pathText(place: Place | undefined): string {
  if (place === undefined) return '';
  const parent = pathText(place.parent);
  if (typeof place.key === 'number') return `${parent}[${place.key}]`;
  if (!/^[A-Za-z_][\w-]*$/.test(place.key)) return `${parent}[${JSON.stringify(place.key)}]`;
  return parent === '' ? place.key : `${parent}.${place.key}`;
}
