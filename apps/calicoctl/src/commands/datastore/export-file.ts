/*
 * The layout of an export: a YAML list per kind, each followed by `---`; after `===` the cluster information as
 * JSON; after another `===` IPAM's objects as JSON.
 */
import { parseResource, resourceToJson, ValidationError, type Kind, type Resource } from '@calico-node/model';
import { parseDocuments, type InputObject } from '../../input/documents.ts';
import { indentJson } from '../../output/indent-json.ts';
import { renderYaml } from '../../output/yaml.ts';

const SEPARATOR = '===\n';

/** One kind's part. */
export function renderKind(kind: Kind, items: readonly Resource[], revision: bigint): string {
  const list = {
    kind: `${kind}List`,
    apiVersion: 'projectcalico.org/v3',
    metadata: { resourceVersion: String(revision) },
    items: items.map((resource) => JSON.parse(resourceToJson(resource)) as unknown),
  };
  return `${renderYaml(list)}---\n`;
}

/** The whole file. */
export function renderExport(kinds: readonly string[], cluster: Resource<'ClusterInformation'>, ipam: string): string {
  return [kinds.join(''), `${indentJson(resourceToJson(cluster))}\n`, `${ipam}\n`].join(SEPARATOR);
}

export interface ExportParts {
  /** YAML documents. */
  readonly resources: string;
  /** JSON. */
  readonly cluster: string;
  /** JSON. */
  readonly ipam: string;
}

/** The three parts of a file; undefined for a file that is no export. */
export function splitExport(text: string): ExportParts | undefined {
  const [resources, cluster, ipam, ...more] = text.split(SEPARATOR);
  if (resources === undefined || cluster === undefined || ipam === undefined || more.length > 0) return undefined;
  return { resources, cluster, ipam };
}

/** Every resource of the first part, or a line for each problem. `file` is named in them. */
export function parseExportedResources(
  file: string,
  text: string,
): { readonly resources: readonly Resource[]; readonly problems: readonly string[] } {
  const { objects, problems: syntax } = parseDocuments(file, text);
  const resources: Resource[] = [];
  const problems = syntax.map(({ position, message }) => `${file}:${position.line ?? 1}: ${message}`);
  for (const object of objects) {
    try {
      resources.push(parseResource(object.value));
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      problems.push(...problemsOf(object, error));
    }
  }
  return { resources, problems };
}

function problemsOf(object: InputObject, { issues }: ValidationError): readonly string[] {
  return issues.map(({ path, message }) => {
    const { file, line } = object.positionOf(path);
    return `${file}${line === undefined ? '' : `:${line}`}: ${path}: ${message}`;
  });
}
