import { parseResource, ValidationError } from '@calico-node/model';
import { describeError } from '../../describe-error.ts';
import { parseDocuments, type InputObject } from '../../input/documents.ts';
import { inputFiles } from '../../input/files.ts';
import { CommandError, type Io } from '../../io.ts';
import { renderJson } from '../../output/json.ts';
import { renderYaml } from '../../output/yaml.ts';
import { convertV1 } from './v1-kinds.ts';
import type { V3Object } from './v1-rules.ts';

export interface ConvertOptions {
  readonly filename: string;
  readonly output: string;
  readonly ignoreValidation?: boolean;
}

/**
 * `calicoctl convert`: prints resources of the v1 API as v3, or every problem of the input and nothing.
 * Defaults are not filled in: the datastore's client does that.
 */
export async function convert(options: ConvertOptions, io: Io): Promise<void> {
  const render = rendererOf(options.output);
  const objects: InputObject[] = [];
  const problems: string[] = [];
  for (const { name, chunks } of inputFiles([options.filename], false, io)) {
    const parsed = parseDocuments(name, (await Array.fromAsync(chunks)).join(''));
    objects.push(...parsed.objects);
    problems.push(...parsed.problems.map(({ position, message }) => `${name}:${position.line ?? 1}: ${message}`));
    if (parsed.objects.length === 0 && problems.length === 0) problems.push(`no resources specified in file ${name}`);
  }
  const documents = objects.flatMap((object) => convertObject(object, options.ignoreValidation === true, problems));
  if (problems.length > 0) throw new CommandError(`failed to execute command:\n${problems.join('\n')}`);
  io.out(render(documents.length === 1 ? documents[0] : documents));
}

function rendererOf(format: string): (value: unknown) => string {
  switch (format) {
    case 'yaml':
    case 'yml':
      return renderYaml;
    case 'json':
      return renderJson;
    default:
      throw new CommandError(`unrecognized output format '${format}'`);
  }
}

function convertObject(object: InputObject, ignoresRules: boolean, problems: string[]): readonly V3Object[] {
  const result = convertV1(object.value);
  if ('problems' in result) {
    problems.push(...result.problems.map(({ path, message }) => `${placeOf(object, path)}: ${path}: ${message}`));
    return [];
  }
  const document = withoutUndefined(result.document);
  if (ignoresRules) return [document];
  try {
    parseResource(document);
    return [document];
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    problems.push(
      `${placeOf(object, '')}: converted manifest resource(s) failed validation: ${describeError(error)}. Re-run the command with '--ignore-validation' flag to see the converted output.`,
    );
    return [];
  }
}

function placeOf(object: InputObject, path: string): string {
  const { file, line } = object.positionOf(path);
  return line === undefined ? file : `${file}:${line}`;
}

/** Fields without a value are left out, as JSON does. */
function withoutUndefined(document: V3Object): V3Object {
  return JSON.parse(JSON.stringify(document)) as V3Object;
}
