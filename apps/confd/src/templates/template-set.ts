/**
 * Operators' templates over our own rendering. A template whose `dest` is one of BIRD's files takes that file's
 * place: it is checked and replaced with the others, as a whole. Any other file stands for itself.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { Template, TemplateError } from '@calico-node/go-template';
import type { ConfigFile, FileSet } from '../files/file-set.ts';
import { confdFunctions, type FunctionInputs } from './functions.ts';
import { readTemplateResource, visibleKeys, type TemplateResource } from './template-resource.ts';
import { TomlError } from './toml.ts';

export interface TemplateInputs {
  /** confd's directory: `conf.d` with the resources, `templates` with what they name. */
  readonly confdDir: string;
  readonly nodeName: string;
  readonly view: ReadonlyMap<string, string>;
  readonly filters: FunctionInputs['filters'];
  readonly settings: FunctionInputs['settings'];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly lookups: FunctionInputs['lookups'];
  readonly bgpConfig: FunctionInputs['bgpConfig'];
}

/** A template resource with what came of it: text, or why there is none. */
interface Outcome {
  readonly resource: TemplateResource;
  readonly text: string;
}

/** A file set that can't be had says so, with the file and the line; the file that is there stays as it is. */
interface Failure {
  readonly name: string;
  readonly dest: string | undefined;
  readonly message: string;
}

/** @param directory where the given sets' files go */
export function applyTemplates(
  sets: readonly FileSet[],
  directory: string,
  inputs: TemplateInputs,
): readonly FileSet[] {
  let result = [...sets];
  for (const name of resourceFiles(inputs.confdDir)) {
    const outcome = render(name, inputs);
    const dest = 'text' in outcome ? resolve(directory, outcome.resource.dest) : outcome.dest;
    const isOverride = (set: FileSet): boolean => set.files.some((file) => join(directory, file.name) === dest);
    const overridden = result.some(isOverride);
    result = result.map((set) => (isOverride(set) ? overrideIn(set, basename(dest ?? ''), outcome) : set));
    if (!overridden) result.push(standalone(name, dest, outcome));
  }
  return result;
}

/** Whether an operator has put templates there. */
export function hasTemplates(confdDir: string): boolean {
  return resourceFiles(confdDir).length > 0;
}

function resourceFiles(confdDir: string): readonly string[] {
  try {
    return readdirSync(join(confdDir, 'conf.d'))
      .filter((name) => name.endsWith('.toml'))
      .sort();
  } catch {
    return [];
  }
}

function render(name: string, { confdDir, nodeName, view, env, ...inputs }: TemplateInputs): Outcome | Failure {
  const file = join(confdDir, 'conf.d', name);
  let dest: string | undefined;
  let templateFile = file;
  try {
    const resource = readTemplateResource(readFileSync(file, 'utf8'), nodeName);
    dest = resource.dest;
    templateFile = join(confdDir, 'templates', resource.src);
    const functions = confdFunctions({
      keys: visibleKeys(resource, view),
      env: { ...env, NODENAME: nodeName },
      ...inputs,
    });
    return { resource, text: new Template(readFileSync(templateFile, 'utf8'), { functions }).render(undefined) };
  } catch (error) {
    return { name, dest, message: failureText(error, file, templateFile) };
  }
}

function failureText(error: unknown, file: string, templateFile: string): string {
  if (error instanceof TemplateError) return `${templateFile}:${error.line}:${error.column}: ${error.detail}`;
  if (error instanceof TomlError) return `${file}:${error.message}`;
  return `${templateFile}: ${error instanceof Error ? error.message : String(error)}`;
}

function overrideIn(set: FileSet, fileName: string, outcome: Outcome | Failure): FileSet {
  if (!('text' in outcome)) return { ...set, failure: outcome.message };
  const { resource, text } = outcome;
  return {
    ...set,
    files: set.files.map((file) => (file.name === fileName ? fileOf(fileName, text, resource) : file)),
    reloadCommands: [...(set.reloadCommands ?? []), ...given(resource.reloadCommand)],
  };
}

function standalone(name: string, dest: string | undefined, outcome: Outcome | Failure): FileSet {
  const file = dest === undefined ? '' : basename(dest);
  const base = { name, main: file, isSecret: false, directory: dirname(dest ?? '/'), isDaemons: false };
  if (!('text' in outcome)) return { ...base, files: [], failure: outcome.message };
  const { resource, text } = outcome;
  return { ...base, files: [fileOf(file, text, resource)], reloadCommands: given(resource.reloadCommand) };
}

function fileOf(name: string, text: string, { mode, checkCommand, uid, gid }: TemplateResource): ConfigFile {
  return { name, text, mode, checkCommand, ...(uid === -1 && gid === -1 ? {} : { owner: { uid, gid } }) };
}

function given(command: string): readonly string[] {
  return command === '' ? [] : [command];
}
