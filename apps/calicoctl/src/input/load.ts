/**
 * From `-f` to typed resources, one document after another, each with every problem that it has.
 */
import {
  findKind,
  kindInfo,
  parseResource,
  ValidationError,
  type Issue,
  type Kind,
  type Resource,
} from '@calico-node/model';
import { CommandError, type Io } from '../io.ts';
import { parseDocuments, type InputObject, type InputProblem, type Position } from './documents.ts';
import { inputFiles, type InputFile } from './files.ts';
import { splitPieces } from './pieces.ts';
import { describeProblem } from './problems.ts';

export interface LoadOptions {
  readonly filenames: readonly string[];
  readonly recursive: boolean;
  /** An input without any resource is no error. */
  readonly skipEmpty: boolean;
  /** Unknown fields are problems; otherwise they are told of and left out. */
  readonly strict?: boolean | undefined;
  /** Documents with problems are told of and left out. */
  readonly skipInvalid?: boolean | undefined;
  /** `--namespace`: for resources that name none; one that names another is a problem. */
  readonly namespace?: string | undefined;
}

/** A resource and where it came from. */
export interface LoadedResource {
  readonly resource: Resource;
  readonly position: Position;
}

/** What became of one object of the input, or of a document that holds none. */
export type LoadResult =
  | ({ readonly type: 'resource'; readonly warnings: readonly InputProblem[] } & LoadedResource)
  | { readonly type: 'refused'; readonly problems: readonly InputProblem[] };

type Refusal = Extract<LoadResult, { type: 'refused' }>;

/** Reads and checks everything that `-f` names. @throws CommandError for files that can't be read. */
export async function* readResources(options: LoadOptions, io: Io): AsyncGenerator<LoadResult> {
  if (options.filenames.length === 0) throw new CommandError('give a file with -f, or - for standard input');
  for (const file of inputFiles(options.filenames, options.recursive, io)) yield* readFile(file, options);
}

/** As readResources, from one text: what an editor left, what a test has. */
export function readText(
  name: string,
  text: string,
  options: Omit<LoadOptions, 'filenames' | 'recursive'>,
): AsyncGenerator<LoadResult> {
  return readFile({ name, chunks: toChunks(text) }, options);
}

async function* toChunks(text: string): AsyncGenerator<string> {
  await Promise.resolve();
  yield text;
}

type ReadOptions = Omit<LoadOptions, 'filenames' | 'recursive'>;

async function* readFile({ name, chunks }: InputFile, options: ReadOptions): AsyncGenerator<LoadResult> {
  let documents = 0;
  let isEmpty = true;
  for await (const { text, firstLine } of splitPieces(chunks)) {
    const { objects, problems, count } = parseDocuments(name, text, { line: firstLine, documents });
    documents += count;
    if (objects.length > 0 || problems.length > 0) isEmpty = false;
    if (problems.length > 0) yield { type: 'refused', problems };
    for (const object of objects) yield loadObject(object, options);
  }
  if (!isEmpty || options.skipEmpty) return;
  const position = { file: name, document: 0, line: undefined };
  yield { type: 'refused', problems: [{ position, message: `no resources specified in file ${name}` }] };
}

function loadObject(object: InputObject, options: ReadOptions): LoadResult {
  const { value } = object;
  if (!isRecord(value)) return refusal(object, '', 'not an object with apiVersion, kind and metadata');
  const { kind: kindName, apiVersion } = value;
  if (kindName === undefined || apiVersion === undefined) {
    return refusal(object, '', `${kindName === undefined ? 'kind' : 'apiVersion'} is missing`);
  }
  const kind = typeof kindName === 'string' ? findKind(kindName) : undefined;
  if (kind === undefined || kind !== kindName || apiVersion !== 'projectcalico.org/v3') {
    const message = `unknown resource type (${plainText(kindName)}) and/or version (${plainText(apiVersion)})`;
    return refusal(object, 'kind', message);
  }
  const placed = placeInNamespace(kind, value, options.namespace);
  if (typeof placed === 'string') {
    return refusal(object, 'metadata.namespace', placed, subjectOf(kind, value['metadata']));
  }
  return check(kind, placed, object, options);
}

function refusal(object: InputObject, path: string, message: string, subject?: string): Refusal {
  const problem = {
    position: object.positionOf(path),
    message,
    ...(path === '' ? {} : { path }),
    ...(subject === undefined ? {} : { subject }),
  };
  return { type: 'refused', problems: [problem] };
}

/** Types, defaults and rules. */
function check(
  kind: Kind,
  value: Readonly<Record<string, unknown>>,
  object: InputObject,
  { strict = false }: ReadOptions,
): LoadResult {
  const toProblem = ({ path, message, value: given }: Issue): InputProblem => ({
    position: object.positionOf(path),
    subject: subjectOf(kind, value['metadata']),
    path,
    message: `${message}${showValue(given)}`,
  });
  const unknown: Issue[] = [];
  try {
    const resource = parseResource(value, { strict, onUnknownField: (issue) => unknown.push(issue) });
    return { type: 'resource', resource, position: object.positionOf(''), warnings: unknown.map(toProblem) };
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return { type: 'refused', problems: error.issues.map(toProblem) };
  }
}

/**
 * The object with the namespace that it belongs to: its own, the one asked for, or `default`. A text says why
 * there is none.
 */
function placeInNamespace(
  kind: Kind,
  value: Readonly<Record<string, unknown>>,
  asked: string | undefined,
): Readonly<Record<string, unknown>> | string {
  const { metadata } = value;
  if (!isRecord(metadata)) return value;
  const own = metadata['namespace'];
  if (!kindInfo(kind).namespaced) {
    if (typeof own === 'string' && own !== '') return `namespace should not be specified: ${kind} is not namespaced`;
    return asked === undefined ? value : `${kind} is not namespaced`;
  }
  if (own !== undefined && own !== null && own !== '') {
    if (asked === undefined || own === asked) return value;
    return `the namespace "${plainText(own)}" does not match the --namespace option "${asked}"`;
  }
  return { ...value, metadata: { ...metadata, namespace: asked ?? 'default' } };
}

function subjectOf(kind: Kind, metadata: unknown): string {
  const fields = isRecord(metadata) ? metadata : {};
  const name = typeof fields['name'] === 'string' ? fields['name'] : '';
  const namespace = typeof fields['namespace'] === 'string' ? fields['namespace'] : '';
  return `${kind}(${namespace === '' ? '' : `${namespace}/`}${name})`;
}

function plainText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The offending value, short; nothing where there is none or it is an object. */
function showValue(value: unknown): string {
  if (value === undefined || value === null || typeof value === 'object') return '';
  const text = JSON.stringify(value) as string | undefined;
  return text === undefined ? '' : `; it is ${text.length > 80 ? `${text.slice(0, 77)}...` : text}`;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Tells of what was left out of a document. */
export function warn(io: Io, warnings: readonly InputProblem[]): void {
  for (const warning of warnings) io.err(`warning: ${describeProblem(warning)}; the field is left out\n`);
}
