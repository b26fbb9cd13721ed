import { parseGoDuration, type FelixConfiguration } from '@calico-node/model';
import { failsafePortText } from './failsafe-ports.ts';
import { parameterNames, parameters, type Parameter, type ParameterName } from './parameters.ts';

/** Texts of some parameters, and where they come from. */
export interface Source {
  readonly name: string;
  readonly values: ReadonlyMap<ParameterName, string>;
}

const byLowerCase: ReadonlyMap<string, ParameterName> = new Map(
  parameterNames.map((name) => [name.toLowerCase(), name]),
);

/** `FELIX_<NAME>` variables, in any case. Empty values say nothing. */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const values = new Map<ParameterName, string>();
  for (const [variable, value] of Object.entries(env)) {
    const lower = variable.toLowerCase();
    const name = lower.startsWith('felix_') ? byLowerCase.get(lower.slice('felix_'.length)) : undefined;
    if (name !== undefined && value !== undefined && value !== '') values.set(name, value);
  }
  return { name: 'the environment', values };
}

/** `Key = value` lines of an INI file; section names say nothing, `#` and `;` begin comments. */
export function fromFile(path: string, content: string): Source {
  const values = new Map<ParameterName, string>();
  for (const line of content.split('\n')) {
    const [, key, value] = /^\s*([^#;=[\]\s]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    const name = key === undefined ? undefined : byLowerCase.get(key.toLowerCase());
    if (name !== undefined && value !== undefined && value !== '') values.set(name, value);
  }
  return { name: path, values };
}

/** A FelixConfiguration resource; absent fields say nothing. */
export function fromResource(resource: FelixConfiguration | undefined): Source {
  const values = new Map<ParameterName, string>();
  const spec: Readonly<Record<string, unknown>> = { ...resource?.spec };
  for (const name of parameterNames) {
    const { field }: Parameter<unknown> = parameters[name];
    const value = field === undefined ? undefined : spec[field];
    if (value !== undefined && value !== null) values.set(name, asText(value));
  }
  return { name: `FelixConfiguration ${resource?.metadata.name ?? ''}`, values };
}

function asText(value: unknown): string {
  if (Array.isArray(value)) return value.map(asText).join(',');
  if (typeof value === 'object' && value !== null) return failsafePortText(value) ?? JSON.stringify(value);
  if (typeof value !== 'string') return JSON.stringify(value);
  const duration = parseGoDuration(value);
  return duration === undefined ? value : String(Number(duration) / 1e9);
}
