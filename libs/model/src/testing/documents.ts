import { parseResource } from '../resource-codec.ts';
import type { Kind } from '../kinds/kind-names.ts';
import { namesOf } from '../kinds/kind-names.ts';
import { ValidationError } from '../validation-error.ts';

/** A document of a kind, as a user writes it; `metadata` adds to a name and, where the kind has one, a namespace. */
export function document(kind: Kind, spec: unknown, metadata: object = {}): Record<string, unknown> {
  const namespace = namesOf(kind).isNamespaced ? { namespace: 'prod' } : {};
  return { kind, apiVersion: 'projectcalico.org/v3', metadata: { name: 'default', ...namespace, ...metadata }, spec };
}

/** `path: message` of every problem; empty where the document is accepted. */
export function problemsOf(input: unknown): readonly string[] {
  try {
    parseResource(input);
    return [];
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return error.issues.map(({ path, message }) => `${path}: ${message}`);
  }
}

/** The paths of every problem. */
export function problemPathsOf(input: unknown): readonly string[] {
  return problemsOf(input).map((problem) => problem.slice(0, problem.indexOf(': ')));
}
