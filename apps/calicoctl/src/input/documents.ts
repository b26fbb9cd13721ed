import { LineCounter, isNode, parseAllDocuments, type Document, type ParsedNode, type ScalarTag } from 'yaml';

/** Where something stands in the user's input. */
export interface Position {
  /** As the user named it; `<stdin>` for standard input. */
  readonly file: string;
  /** Counted from 1 within the file. */
  readonly document: number;
  /** Counted from 1; none where it can't be told. */
  readonly line: number | undefined;
}

/** One YAML or JSON document, or one member of a list in one. */
export interface InputObject {
  readonly value: unknown;
  /** Where the value at a path (`spec.ingress[0].protocol`) stands, or the nearest thing around it. */
  positionOf(path: string): Position;
}

export interface InputProblem {
  readonly position: Position;
  /** The object's kind and name, as far as known. */
  readonly subject?: string;
  /** The path in the object. */
  readonly path?: string;
  readonly message: string;
}

type Path = readonly (string | number)[];

/** YAML 1.1's other words for true and false, which Calico's reader takes too. */
const oldBooleans: ScalarTag = {
  tag: 'tag:yaml.org,2002:bool',
  default: true,
  test: /^(?:[Yy]|[Yy]es|YES|[Oo]n|ON|[Nn]|[Nn]o|NO|[Oo]ff|OFF)$/,
  resolve: (text) => /^(?:y|on)/i.test(text),
};

/** What some text holds. */
export interface ParsedDocuments {
  readonly objects: readonly InputObject[];
  readonly problems: readonly InputProblem[];
  /** How many documents that are not empty. */
  readonly count: number;
}

/** Where the text stands in its file, when it is a part of it. */
export interface Start {
  readonly line: number;
  /** How many documents came before. */
  readonly documents: number;
}

/**
 * Reads a stream of YAML or JSON documents. Empty documents are left out; arrays and `<Kind>List` objects are
 * taken apart. Duplicate keys are problems.
 */
export function parseDocuments(file: string, text: string, start: Start = { line: 1, documents: 0 }): ParsedDocuments {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    merge: true,
    customTags: (tags) => [...tags, oldBooleans],
  });
  const documents: readonly Document.Parsed[] = 'empty' in parsed ? [] : parsed;
  const objects: InputObject[] = [];
  const problems: InputProblem[] = [];
  let number = start.documents;
  for (const document of documents) {
    if (document.contents === null && document.errors.length === 0) continue;
    number += 1;
    const position = (offset: number | undefined): Position => ({
      file,
      document: number,
      line: offset === undefined ? undefined : lines.linePos(offset).line + start.line - 1,
    });
    if (document.errors.length > 0) {
      for (const error of document.errors) problems.push({ position: position(error.pos[0]), message: error.message });
      continue;
    }
    const here = number;
    let value: unknown;
    try {
      value = document.toJS();
    } catch (error) {
      problems.push({ position: position(0), message: error instanceof Error ? error.message : String(error) });
      continue;
    }
    if (value === null || value === undefined) {
      number -= 1;
      continue;
    }
    for (const { item, base } of membersOf(value, [])) {
      objects.push({
        value: item,
        positionOf: (path) => {
          const line = lineAt(document, lines, [...base, ...splitPath(path)]);
          return { file, document: here, line: line === undefined ? undefined : line + start.line - 1 };
        },
      });
    }
  }
  return { objects, problems, count: number - start.documents };
}

/** Arrays and lists by their members, at any depth. */
function membersOf(value: unknown, base: Path): readonly { readonly item: unknown; readonly base: Path }[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => membersOf(item, [...base, index]));
  }
  if (typeof value === 'object' && value !== null && 'items' in value && 'kind' in value) {
    const { kind, items } = value;
    if (typeof kind === 'string' && kind.endsWith('List') && (Array.isArray(items) || items === null)) {
      return (items ?? []).flatMap((item: unknown, index: number) => membersOf(item, [...base, 'items', index]));
    }
  }
  return [{ item: value, base }];
}

/** `spec.ports[0]["a.b"]` as its steps. */
export function splitPath(path: string): Path {
  const steps: (string | number)[] = [];
  for (const [, index, quoted, name] of path.matchAll(/\[(\d+)\]|\[["']?([^\]"']*)["']?\]|([^.[\]]+)/g)) {
    if (index !== undefined) steps.push(Number(index));
    else steps.push(quoted ?? name ?? '');
  }
  return steps;
}

/** The line of the deepest node on the path that exists. */
function lineAt(document: Document.Parsed, lines: LineCounter, path: Path): number | undefined {
  for (let depth = path.length; depth >= 0; depth--) {
    const steps = path.slice(0, depth);
    const node: unknown = depth === 0 ? document.contents : document.getIn(steps, true);
    if (isNode(node)) {
      const offset = keyOffset(document, steps) ?? (node as ParsedNode).range[0];
      return lines.linePos(offset).line;
    }
  }
  return undefined;
}

/** Where the key of a mapping's entry stands, which is what an editor should show. */
function keyOffset(document: Document.Parsed, path: Path): number | undefined {
  const last = path.at(-1);
  if (typeof last !== 'string') return undefined;
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (typeof parent !== 'object' || parent === null || !('items' in parent) || !Array.isArray(parent.items))
    return undefined;
  for (const pair of parent.items as readonly { readonly key?: { value?: unknown; range?: readonly number[] } }[]) {
    if (pair.key?.value === last) return pair.key.range?.[0];
  }
  return undefined;
}
