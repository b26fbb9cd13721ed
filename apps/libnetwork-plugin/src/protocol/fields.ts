import { PluginError } from './plugin-error.ts';

/** A JSON object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Go writes an absent map or list as `null`. */
function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** @throws PluginError `invalid` */
export function fieldsOf(value: unknown, what: string): Fields {
  if (isAbsent(value)) return {};
  if (!isFields(value)) throw new PluginError('invalid', `${what} is not an object`);
  return value;
}

/** A string field; empty when absent. @throws PluginError `invalid` */
export function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (isAbsent(value)) return '';
  if (typeof value !== 'string') throw new PluginError('invalid', `${name} is not a string`);
  return value;
}

/** A boolean field; false when absent. @throws PluginError `invalid` */
export function flag(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (isAbsent(value)) return false;
  if (typeof value !== 'boolean') throw new PluginError('invalid', `${name} is not true or false`);
  return value;
}

/** A list of objects; empty when absent. @throws PluginError `invalid` */
export function list(fields: Fields, name: string): readonly Fields[] {
  const value = fields[name];
  if (isAbsent(value)) return [];
  if (!Array.isArray(value)) throw new PluginError('invalid', `${name} is not a list`);
  return value.map((item) => fieldsOf(item, name));
}

/**
 * One of Docker's identifiers: 64 hexadecimal digits, or swarm's 25 letters and digits. It becomes part of names in
 * the kernel and in the store, so nothing else is taken.
 *
 * @throws PluginError `invalid`
 */
export function identifier(fields: Fields, name: string): string {
  const value = text(fields, name);
  if (!/^[a-z0-9]{11,64}$/.test(value)) throw new PluginError('invalid', `${name} '${value}' is not an identifier`);
  return value;
}
