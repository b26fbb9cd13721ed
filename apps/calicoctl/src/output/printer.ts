import { kindInfo, resourceToJson, type ColumnContext, type Kind, type Resource } from '@calico-node/model';
import { CommandError } from '../io.ts';
import { renderJson } from './json.ts';
import { tabTable } from './tab-table.ts';

/** One argument's answer: a resource, or the list of a kind. */
export type Answer =
  | { readonly type: 'one'; readonly resource: Resource }
  | { readonly type: 'list'; readonly kind: Kind; readonly items: readonly Resource[]; readonly revision: bigint };

/** How `get` prints: `-o`. */
export type Format =
  | { readonly type: 'table'; readonly isWide: boolean; readonly headings?: readonly string[] }
  | { readonly type: 'yaml' | 'json' | 'name' }
  | { readonly type: 'go-template' | 'go-template-file' | 'jsonpath'; readonly text: string };

/** Reads `-o`. @throws CommandError */
export function parseFormat(text: string): Format {
  switch (text) {
    case 'ps':
    case '':
      return { type: 'table', isWide: false };
    case 'wide':
      return { type: 'table', isWide: true };
    case 'yaml':
    case 'yml':
      return { type: 'yaml' };
    case 'json':
    case 'name':
      return { type: text };
    default:
  }
  const [name, argument] = splitOnce(text);
  if (name === 'custom-columns' && argument !== '') {
    return {
      type: 'table',
      isWide: false,
      headings: argument.split(',').map((heading) => heading.trim().toUpperCase()),
    };
  }
  if (name === 'go-template' || name === 'go-template-file' || name === 'jsonpath') {
    if (argument !== '') return { type: name, text: argument };
    throw new CommandError(`output format ${name} needs a value: -o ${name}=...`);
  }
  throw new CommandError(`unrecognized output format '${text}'`);
}

function splitOnce(text: string): readonly [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

export interface PrintOptions {
  readonly format: Format;
  /** Tables of namespaced kinds begin with the namespace. */
  readonly showsNamespace: boolean;
  readonly context: ColumnContext;
}

/**
 * The answers as text, in the layout of Calico's calicoctl.
 * @throws CommandError for columns and templates that can't be used.
 */
export async function printAnswers(
  answers: readonly Answer[],
  { format, showsNamespace, context }: PrintOptions,
): Promise<string> {
  switch (format.type) {
    case 'yaml': {
      const { renderYaml } = await import('./yaml.ts');
      return renderYaml(wholeOf(answers));
    }
    case 'json':
      return renderJson(wholeOf(answers));
    case 'name':
      return answers.flatMap(resourcesOf).map(nameLine).join('');
    case 'go-template':
    case 'go-template-file': {
      const { renderGoTemplate } = await import('./templates.ts');
      const text = format.type === 'go-template' ? format.text : await templateFile(format.text);
      return renderGoTemplate(text, valuesOf(answers), context);
    }
    case 'jsonpath': {
      const { renderJsonPath } = await import('./templates.ts');
      return renderJsonPath(format.text, valuesOf(answers));
    }
    case 'table':
      return answers.map((answer) => `${tableOf(answer, format, showsNamespace, context)}\n`).join('');
  }
}

function resourcesOf(answer: Answer): readonly Resource[] {
  return answer.type === 'one' ? [answer.resource] : answer.items;
}

function nameLine({ kind, metadata }: Resource): string {
  return `${kind.toLowerCase()}.projectcalico.org/${metadata.name}\n`;
}

async function templateFile(path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises');
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

/** One answer as itself, several as an array. */
function wholeOf(answers: readonly Answer[]): unknown {
  const values = valuesOf(answers);
  return values.length === 1 ? values[0] : values;
}

function valuesOf(answers: readonly Answer[]): readonly unknown[] {
  return answers.map((answer) =>
    answer.type === 'one'
      ? plain(answer.resource)
      : {
          kind: `${answer.kind}List`,
          apiVersion: 'projectcalico.org/v3',
          metadata: { resourceVersion: String(answer.revision) },
          items: answer.items.map(plain),
        },
  );
}

/** A resource with its fields in Go's order, and without what Go leaves out. */
function plain(resource: Resource): unknown {
  return JSON.parse(resourceToJson(resource)) as unknown;
}

function tableOf(
  answer: Answer,
  format: Extract<Format, { type: 'table' }>,
  showsNamespace: boolean,
  context: ColumnContext,
): string {
  const kind = answer.type === 'one' ? answer.resource.kind : answer.kind;
  const { columns, defaultColumns, wideColumns } = kindInfo(kind);
  const headings = format.headings ?? withNamespace(kind, format.isWide ? wideColumns : defaultColumns, showsNamespace);
  const unknown = headings.find((heading) => !Object.hasOwn(columns, heading));
  if (unknown !== undefined) {
    throw new CommandError(`unknown output column ${unknown}; known for ${kind}: ${Object.keys(columns).join(', ')}`);
  }
  const rows = inOrder(kind, resourcesOf(answer)).map((resource) =>
    headings.map((heading) => columns[heading]?.(resource, context) ?? ''),
  );
  return tabTable(headings, rows);
}

function withNamespace(kind: Kind, headings: readonly string[], shows: boolean): readonly string[] {
  return shows && kindInfo(kind).namespaced ? ['NAMESPACE', ...headings] : headings;
}

/** Tiers in the order in which they apply, others as the store has them. */
function inOrder(kind: Kind, resources: readonly Resource[]): readonly Resource[] {
  if (kind !== 'Tier') return resources;
  const order = (resource: Resource): number =>
    (resource.kind === 'Tier' ? resource.spec.order : undefined) ?? Infinity;
  return resources.toSorted((a, b) => order(a) - order(b));
}
