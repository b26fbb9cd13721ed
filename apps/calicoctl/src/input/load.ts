/**
 * From `-f` to typed resources, all or nothing: every problem of every document is found before anything is
 * done, so that a file with one bad document changes nothing.
 */
import { findKind, kindInfo, parseResource, ValidationError, type Kind, type Resource } from '@calico-node/model';
import { CommandError, type Io } from '../io.ts';
import { parseDocuments, type InputObject, type InputProblem, type Position } from './documents.ts';
import { readInputFiles, type InputFile } from './files.ts';

export interface LoadOptions {
  readonly filenames: readonly string[];
  readonly recursive: boolean;
  /** An input without any resource is no error. */
  readonly skipEmpty: boolean;
  /** `--namespace`: for resources that name none; one that names another is a problem. */
  readonly namespace?: string | undefined;
}

/** A resource and where it came from. */
export interface LoadedResource {
  readonly resource: Resource;
  readonly position: Position;
}

/** Input that is refused whole; the message has a line per problem. */
export class InputError extends CommandError {
  readonly problems: readonly InputProblem[];

  constructor(problems: readonly InputProblem[]) {
    const [subject, verb] = problems.length === 1 ? ['problem', 'was'] : ['problems', 'were'];
    const summary = `${problems.length} ${subject} ${verb} found; nothing was changed`;
    super([...problems.map(describeProblem), summary].join('\n'));
    this.problems = problems;
  }
}

/** @throws InputError for resources that are refused, CommandError for files that can't be read. */
export async function loadResources(options: LoadOptions, io: Io): Promise<readonly LoadedResource[]> {
  const files = await readInputFiles(options.filenames, options.recursive, io);
  const problems: InputProblem[] = [];
  const loaded = files.flatMap((file) => loadFile(file, options, problems));
  if (problems.length > 0) throw new InputError(problems);
  return loaded;
}

function loadFile(file: InputFile, options: LoadOptions, problems: InputProblem[]): readonly LoadedResource[] {
  const { objects, problems: syntax } = parseDocuments(file.name, file.text);
  problems.push(...syntax);
  if (objects.length === 0 && syntax.length === 0 && !options.skipEmpty) {
    const position = { file: file.name, document: 0, line: undefined };
    problems.push({ position, message: `no resources specified in file ${file.name}` });
  }
  return objects.flatMap((object) => {
    const result = loadObject(object, options.namespace);
    if ('resource' in result) return [result];
    problems.push(...result.problems);
    return [];
  });
}

function loadObject(
  object: InputObject,
  namespace: string | undefined,
): LoadedResource | { readonly problems: readonly InputProblem[] } {
  const refuse = (path: string, message: string, subject?: string): { problems: InputProblem[] } => ({
    problems: [
      {
        position: object.positionOf(path),
        message,
        ...(path === '' ? {} : { path }),
        ...(subject === undefined ? {} : { subject }),
      },
    ],
  });
  const { value } = object;
  if (!isRecord(value)) return refuse('', 'not an object with apiVersion, kind and metadata');
  const { kind: kindName, apiVersion } = value;
  if (kindName === undefined || apiVersion === undefined) {
    return refuse('', `${kindName === undefined ? 'kind' : 'apiVersion'} is missing`);
  }
  const kind = typeof kindName === 'string' ? findKind(kindName) : undefined;
  if (kind === undefined || kind !== kindName || apiVersion !== 'projectcalico.org/v3') {
    return refuse('kind', `unknown resource type (${plainText(kindName)}) and/or version (${plainText(apiVersion)})`);
  }
  const placed = placeInNamespace(kind, value, namespace);
  if (typeof placed === 'string') return refuse('metadata.namespace', placed, subjectOf(kind, value['metadata']));
  try {
    return { resource: parseResource(placed, { strict: true }), position: object.positionOf('') };
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    const subject = subjectOf(kind, placed['metadata']);
    return {
      problems: error.issues.map(({ path, message, value: given }) => ({
        position: object.positionOf(path),
        subject,
        path,
        message: `${message}${showValue(given)}`,
      })),
    };
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

function describeProblem({ position, subject, path, message }: InputProblem): string {
  const place = position.line === undefined ? position.file : `${position.file}:${position.line}`;
  const parts = [
    place,
    position.document === 0 ? undefined : `document ${position.document}`,
    subject,
    path === '' ? undefined : path,
    message,
  ];
  return parts.filter((part) => part !== undefined).join(': ');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
