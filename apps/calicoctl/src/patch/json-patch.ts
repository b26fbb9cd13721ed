import { isDeepStrictEqual } from 'node:util';

/** A JSON Patch that can't be read or applied; the message names the operation, counted from 0. */
export class JsonPatchError extends Error {
  override readonly name = 'JsonPatchError';
  readonly code = 'json-patch';

  constructor(index: number, message: string) {
    super(`operation ${index} of the JSON patch: ${message}`);
  }
}

type Operation =
  | { readonly op: 'add' | 'replace' | 'test'; readonly path: Pointer; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: Pointer }
  | { readonly op: 'move' | 'copy'; readonly path: Pointer; readonly from: Pointer };

/** A JSON Pointer's steps (RFC 6901). */
type Pointer = readonly string[];

/** Applies a JSON Patch (RFC 6902) to a copy of the target: all of it or nothing. @throws JsonPatchError */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw new JsonPatchError(0, 'a JSON patch is a list of operations');
  let document = structuredClone(target);
  for (const [index, item] of patch.entries()) {
    try {
      document = applyOperation(document, readOperation(item));
    } catch (error) {
      throw new JsonPatchError(index, error instanceof Error ? error.message : String(error));
    }
  }
  return document;
}

function readOperation(item: unknown): Operation {
  if (!isRecord(item)) throw new Error('not an object');
  const path = readPointer(item['path'], 'path');
  switch (item['op']) {
    case 'add':
    case 'replace':
    case 'test':
      if (!Object.hasOwn(item, 'value')) throw new Error('value is missing');
      return { op: item['op'], path, value: structuredClone(item['value']) };
    case 'remove':
      return { op: 'remove', path };
    case 'move':
    case 'copy':
      return { op: item['op'], path, from: readPointer(item['from'], 'from') };
    default:
      throw new Error(`op must be add, remove, replace, move, copy or test, not ${JSON.stringify(item['op'])}`);
  }
}

function readPointer(text: unknown, member: string): Pointer {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) {
    throw new Error(`${member} must be a JSON Pointer such as /spec/order, not ${JSON.stringify(text)}`);
  }
  return text
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function applyOperation(document: unknown, operation: Operation): unknown {
  const { path } = operation;
  switch (operation.op) {
    case 'add':
      return add(document, path, operation.value);
    case 'remove':
      return remove(document, path);
    case 'replace':
      valueAt(document, path);
      return path.length === 0 ? operation.value : add(remove(document, path), path, operation.value);
    case 'test':
      if (isDeepStrictEqual(valueAt(document, path), operation.value)) return document;
      throw new Error(
        `${shown(path)} is ${JSON.stringify(valueAt(document, path))}, not ${JSON.stringify(operation.value)}`,
      );
    case 'copy':
      return add(document, path, structuredClone(valueAt(document, operation.from)));
    case 'move': {
      const value = valueAt(document, operation.from);
      if (operation.from.length < path.length && operation.from.every((step, at) => step === path[at])) {
        throw new Error('a value cannot be moved into itself');
      }
      return add(remove(document, operation.from), path, value);
    }
  }
}

function valueAt(document: unknown, path: Pointer): unknown {
  return path.reduce((value, step) => {
    if (Array.isArray(value)) return value[indexOf(step, value.length - 1, path)] as unknown;
    if (isRecord(value) && Object.hasOwn(value, step)) return value[step];
    throw new Error(`${shown(path)} does not exist`);
  }, document);
}

function add(document: unknown, path: Pointer, value: unknown): unknown {
  const key = path.at(-1);
  if (key === undefined) return value;
  const parent = valueAt(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(key === '-' ? parent.length : indexOf(key, parent.length, path), 0, value);
  else if (isRecord(parent)) define(parent, key, value);
  else throw new Error(`${shown(path.slice(0, -1))} is neither an object nor a list`);
  return document;
}

function remove(document: unknown, path: Pointer): unknown {
  const key = path.at(-1);
  if (key === undefined) return null;
  valueAt(document, path);
  const parent = valueAt(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(Number(key), 1);
  else if (isRecord(parent)) Reflect.deleteProperty(parent, key);
  return document;
}

/** As data, whatever its name. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function indexOf(step: string, max: number, path: Pointer): number {
  if (!/^(?:0|[1-9]\d*)$/.test(step) || Number(step) > max) throw new Error(`${shown(path)} does not exist`);
  return Number(step);
}

function shown(path: Pointer): string {
  return path.length === 0 ? 'the document' : `/${path.join('/')}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
