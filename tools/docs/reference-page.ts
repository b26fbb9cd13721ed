import type { FieldDescription, KindDescription, StructDescription } from '@calico-node/model';
import { stringify } from 'yaml';

/** Structs that have a page of their own, since every kind has them. */
const SHARED = new Map([['ObjectMeta', 'metadata.md']]);

/** The file of a kind's page. */
export function pageName(kind: string): string {
  return `${kind.toLowerCase()}.md`;
}

/** The reference page of a kind, as Markdown. */
export function renderKindPage(description: KindDescription): string {
  const { kind, summary, nameRule, isNamespaced, aliases, columns, wideColumns, structs, storeRules } = description;
  const [resource, ...parts] = structs;
  const facts = [
    `- Scope: ${isNamespaced ? 'namespaced' : 'the cluster'}`,
    `- Name: ${nameRule}`,
    `- calicoctl calls it ${[kind, ...aliases].map(code).join(', ')}`,
    `- \`calicoctl get\` shows ${columns.join(', ')}${wideColumns === columns ? '' : `; with \`-o wide\` ${wideColumns.join(', ')}`}`,
  ];
  const rules = [...(resource?.rules ?? []), ...storeRules];
  return [
    `# ${kind}`,
    summary,
    facts.join('\n'),
    ['```yaml', stringify(description.example).trimEnd(), '```'].join('\n'),
    ...(rules.length > 0 ? ['## Rules', bullets(rules)] : []),
    '## Fields',
    ...structs.slice(0, 1).map((struct) => fieldTable(struct.fields)),
    ...parts.filter(({ name }) => !SHARED.has(name)).flatMap(renderStruct),
  ]
    .join('\n\n')
    .concat('\n');
}

/** The page of a struct that kinds share. */
export function renderSharedPage(title: string, summary: string, struct: StructDescription): string {
  const rules = struct.rules.length > 0 ? ['## Rules', bullets(struct.rules)] : [];
  return [`# ${title}`, summary, '## Fields', fieldTable(struct.fields), ...rules].join('\n\n').concat('\n');
}

/** The list of all pages. */
export function renderIndex(descriptions: readonly KindDescription[]): string {
  const rows = descriptions.map(({ kind, summary }) => `| [${kind}](${pageName(kind)}) | ${cell(summary)} |`);
  return [
    '# Resources',
    'What can be stored, field by field. These pages are made from the tables in `libs/model` by `node tools/docs/generate-reference.ts`.',
    ['| Kind | What it is for |', '| --- | --- |', ...rows].join('\n'),
    'All kinds have the same [metadata](metadata.md).',
    "[Felix's parameters](felix-configuration.md): their names in environment, file and FelixConfiguration, their defaults, and which of them have an effect. [Felix's metrics](felix-metrics.md).",
  ]
    .join('\n\n')
    .concat('\n');
}

function renderStruct({ name, fields, rules }: StructDescription): readonly string[] {
  return [`### ${name}`, fieldTable(fields), ...(rules.length > 0 ? [`Rules:\n\n${bullets(rules)}`] : [])];
}

function fieldTable(fields: readonly FieldDescription[]): string {
  const rows = fields.map((field) => `| ${code(field.name)} | ${typeText(field)} | ${cell(fieldText(field))} |`);
  return ['| Field | Type | Meaning |', '| --- | --- | --- |', ...rows].join('\n');
}

function typeText({ type, struct }: FieldDescription): string {
  if (struct === undefined) return code(type);
  return `[${code(type)}](${SHARED.get(struct) ?? `#${struct.toLowerCase()}`})`;
}

function fieldText({ description, isRequired, default: stored, unset, values, rules }: FieldDescription): string {
  return [
    description,
    ...(isRequired ? ['Required.'] : []),
    ...(values.length > 1 ? [`One of ${values.map(code).join(', ')}.`] : values.map((value) => `${code(value)}.`)),
    ...rules.map((rule) => `${rule.charAt(0).toUpperCase()}${rule.slice(1)}.`),
    ...(stored === undefined ? [] : [`Default: ${code(stored)}.`]),
    ...(unset === undefined ? [] : [`Where it is not set: ${unset.includes(' ') ? unset : code(unset)}.`]),
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function bullets(rules: readonly string[]): string {
  return rules.map((rule) => `- ${rule}`).join('\n');
}

export function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

/** Text in a table's cell. */
export function cell(text: string): string {
  return text.replaceAll(/(?<!\\)\|/g, '\\|');
}
