import { API_VERSION } from './kinds/definition.ts';
import { isKind, namesOf, type Kind } from './kinds/kind-names.ts';
import { definitionOf, type AnyResource, type Resource } from './kinds/registry.ts';
import { hasNameAnnotation, withNameAnnotation, withoutNameAnnotation } from './policy-name.ts';
import { isRecord } from './schema/containers.ts';
import { FAILED, ParseContext, READING } from './schema/parse-context.ts';
import type { ValueCheck } from './schema/schema.ts';
import { ValidationError, type Issue } from './validation-error.ts';

/** The JSON that the store holds: Go's bytes, without resourceVersion and selfLink, which etcd itself keeps. */
export function encodeResource(resource: Resource): string {
  const { resourceVersion: _revision, selfLink: _link, ...stored } = resource.metadata;
  const metadata = hasNameAnnotation(resource.kind) ? withNameAnnotation(stored) : stored;
  return encodeAs(resource, { ...resource, metadata });
}

/** The JSON that a user sees: as encodeResource, with resourceVersion and without what is internal. */
export function resourceToJson(resource: Resource): string {
  return encodeAs(resource, resource);
}

function encodeAs({ kind }: Resource, value: AnyResource): string {
  return definitionOf(kind).schema.encode({ ...value, kind, apiVersion: API_VERSION });
}

/**
 * Reads a stored value of any release. Unknown fields are dropped, and rules are not checked: what is stored
 * must be readable. `revision` is the key's ModRevision. Throws ValidationError for text that is no JSON or
 * has values of wrong types.
 */
export function decodeResource<K extends Kind>(kind: K, text: string, revision: bigint): Resource<K> {
  const definition = definitionOf(kind);
  const input = parseJson(kind, text);
  const context = new ParseContext(READING);
  const record = isRecord(input) ? { ...definition.readLegacy(input), kind, apiVersion: API_VERSION } : input;
  const resource = definition.schema.parse(record, undefined, context);
  if (resource === FAILED || context.issues.length > 0) throw new ValidationError(`stored ${kind}`, context.issues);
  const metadata = hasNameAnnotation(kind)
    ? withoutNameAnnotation(resource.metadata, tierOf(resource.spec))
    : resource.metadata;
  const read = definition.onRead({ ...resource, metadata: { ...metadata, resourceVersion: revision.toString() } });
  // The definition is that of `kind`.
  return read as Resource<K>;
}

function parseJson(kind: Kind, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new ValidationError(`stored ${kind}`, [{ path: '', value: text, message: `is not JSON: ${message}` }]);
  }
}

function tierOf(spec: object): string | undefined {
  return 'tier' in spec && typeof spec.tier === 'string' ? spec.tier : undefined;
}

export interface ParseOptions {
  /** Whether unknown fields are refused (the default) or dropped. */
  readonly strict?: boolean;
  /** Told of each unknown field that is dropped, where they are not refused. */
  readonly onUnknownField?: (issue: Issue) => void;
}

/**
 * Parses a document that a user or a program wants stored: types, defaults as Calico's client and CRDs fill
 * them, and every rule. Throws ValidationError with all problems; the document is refused whole.
 * A namespaced kind without a namespace is refused, so the caller fills in its default first.
 */
export function parseResource(input: unknown, options: ParseOptions = {}): Resource {
  if (!isRecord(input))
    throw new ValidationError('document', [{ path: '', value: input, message: 'must be an object' }]);
  const { kind, apiVersion } = input;
  if (!isKind(kind)) {
    const message = kind === undefined ? 'is required' : `${JSON.stringify(kind)} is not a known kind`;
    throw new ValidationError('document', [{ path: 'kind', value: kind, message }]);
  }
  if (apiVersion !== API_VERSION) {
    throw new ValidationError(kind, [{ path: 'apiVersion', value: apiVersion, message: `must be "${API_VERSION}"` }]);
  }
  return parseKind(kind, input, options);
}

function parseKind(
  kind: Kind,
  input: Readonly<Record<string, unknown>>,
  { strict = true, onUnknownField }: ParseOptions,
): Resource {
  const { schema, name, onWrite } = definitionOf(kind);
  const filling = new ParseContext({
    refusesUnknownFields: strict,
    fillsDefaults: true,
    runsChecks: false,
    ...(onUnknownField === undefined ? {} : { onUnknownField }),
  });
  const typed = schema.parse(input, undefined, filling);
  // Where the types are wrong already, the rules are run on the rest, so that the caller sees every problem at once.
  const context = new ParseContext({ refusesUnknownFields: strict, fillsDefaults: true, runsChecks: true });
  const candidate = typed === FAILED ? input : onWrite(typed);
  checkName(name, candidate.metadata, context);
  const resource = schema.parse(candidate, undefined, context);
  checkNamespace(kind, namesOf(kind).isNamespaced, input, context);
  if (resource === FAILED || context.issues.length > 0)
    throw new ValidationError(subjectOf(kind, input), context.issues);
  return resource as Resource;
}

const METADATA = { parent: undefined, key: 'metadata' };

function checkName(check: ValueCheck<string>, metadata: unknown, context: ParseContext): void {
  const name = isRecord(metadata) ? (metadata['name'] ?? '') : '';
  if (typeof name !== 'string') return;
  const complaint = name === '' ? 'is required' : check(name);
  if (complaint !== undefined) context.report({ parent: METADATA, key: 'name' }, name, complaint);
}

function checkNamespace(
  kind: Kind,
  isNamespaced: boolean,
  { metadata }: Readonly<Record<string, unknown>>,
  context: ParseContext,
): void {
  const namespace = isRecord(metadata) ? metadata['namespace'] : undefined;
  const isGiven = namespace !== undefined && namespace !== null && namespace !== '';
  if (isGiven === isNamespaced) return;
  const place = { parent: METADATA, key: 'namespace' };
  context.report(place, namespace, isNamespaced ? 'is required' : `is not possible: ${kind} is not namespaced`);
}

function subjectOf(kind: Kind, { metadata }: Readonly<Record<string, unknown>>): string {
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  return typeof name === 'string' && name !== '' ? `${kind} "${name}"` : kind;
}
