import { describe, expect, it } from 'vitest';
import type { Kind } from '../kinds/kind-names.ts';
import { document, problemPathsOf } from './documents.ts';

/** A part of a document that cases are put into, in an otherwise valid document. */
export interface Subject {
  document(given: object): unknown;
  /** The part's path. */
  readonly path: string;
}

/** The spec of a kind; cases replace fields of `base`. */
export function specOf(kind: Kind, base: object = {}, metadata: object = {}): Subject {
  return { document: (given) => document(kind, { ...base, ...given }, metadata), path: 'spec' };
}

/** The metadata of a kind, with a spec that is valid. */
export function metadataOf(kind: Kind, spec: object = {}): Subject {
  return { document: (given) => document(kind, spec, given), path: 'metadata' };
}

export interface RuleCases {
  readonly accepts: readonly object[];
  /** With the paths that are reported, from the subject on; from the document on where they start with "/". */
  readonly refuses: readonly (readonly [object, readonly string[]])[];
}

/** Tests rules, in words, both ways. */
export function describeRules(subject: Subject, rules: Readonly<Record<string, RuleCases>>): void {
  describe.each(Object.entries(rules))('%s:', (_rule, { accepts, refuses }) => {
    it.each(cases(accepts))('accepts %s', (_text, given) => {
      expect(problemPathsOf(subject.document(given))).toEqual([]);
    });
    it.each(refuses.map(([given, paths]) => [textOf(given), given, paths] as const))(
      'refuses %s',
      (_text, given, paths) => {
        const expected = paths.map((path) => join(subject.path, path));
        expect(problemPathsOf(subject.document(given)).toSorted()).toEqual(expected.toSorted());
      },
    );
  });
}

/** Tests what values single fields take: those that are accepted, then those that are refused. */
export function describeFields(
  subject: Subject,
  fields: Readonly<Record<string, readonly [readonly unknown[], readonly unknown[]]>>,
): void {
  describe.each(Object.entries(fields))('%s', (name, [accepts, refuses]) => {
    it.each(cases(accepts))('may be %s', (_text, value) => {
      expect(problemPathsOf(subject.document({ [name]: value }))).toEqual([]);
    });
    it.each(cases(refuses))('must not be %s', (_text, value) => {
      const paths = problemPathsOf(subject.document({ [name]: value }));
      expect(paths).not.toEqual([]);
      const field = join(subject.path, name);
      expect(paths.filter((path) => path !== field && !/^[.[]/.test(path.slice(field.length)))).toEqual([]);
      expect(paths.every((path) => path.startsWith(field))).toBe(true);
    });
  });
}

function cases<T>(values: readonly T[]): readonly (readonly [string, T])[] {
  return values.map((value) => [textOf(value), value]);
}

const MAX_TITLE_LENGTH = 150;

function textOf(value: unknown): string {
  const text = value === undefined ? 'undefined' : JSON.stringify(value);
  return text.length > MAX_TITLE_LENGTH ? `${text.slice(0, MAX_TITLE_LENGTH)}... (${text.length} characters)` : text;
}

function join(base: string, path: string): string {
  if (path.startsWith('/')) return path.slice(1);
  return path === '' || path.startsWith('[') ? base + path : `${base}.${path}`;
}
