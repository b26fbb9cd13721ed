import { parseGoDuration, type ClusterInformation, type FelixConfiguration } from '@calico-node/model';
import { ConfigError } from '@calico-node/service';
import { failsafePortText } from './failsafe-ports.ts';
import type { ParameterType } from './parameter-type.ts';
import { parameterNames, parameters, type Parameter, type ParameterName } from './parameters.ts';

/** Texts of some parameters, and where they come from. */
export interface Source {
  readonly name: string;
  readonly values: ReadonlyMap<ParameterName, string>;
  /** Names that are no parameter's. */
  readonly unknown?: readonly string[];
}

const byLowerCase: ReadonlyMap<string, ParameterName> = new Map(
  parameterNames.map((name) => [name.toLowerCase(), name]),
);

/** `FELIX_<NAME>` variables, in any case. Empty values say nothing. */
export function fromEnvironment(env: Readonly<Record<string, string | undefined>>): Source {
  const values = new Map<ParameterName, string>();
  const unknown: string[] = [];
  for (const [variable, value] of Object.entries(env)) {
    const lower = variable.toLowerCase();
    if (!lower.startsWith('felix_') || value === undefined || value === '') continue;
    const name = byLowerCase.get(lower.slice('felix_'.length));
    if (name === undefined) unknown.push(variable);
    else values.set(name, value);
  }
  return { name: 'the environment', values, unknown };
}

/**
 * Lines `Key = value` or `Key: value` of an INI file, as Calico's reader takes them: section names say nothing, `#` and `;`
 * begin comments, and quotes may stand around a value. @throws ConfigError for another line.
 */
export function fromFile(path: string, content: string): Source {
  const values = new Map<ParameterName, string>();
  const unknown: string[] = [];
  const lines = content.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const text = line.replace(/[#;].*$/, '').trim();
    if (text === '' || /^\[.*\]$/.test(text)) continue;
    const [, key, written] = /^([^=:]*[^=:\s])\s*[=:]\s*(.*)$/.exec(text) ?? [];
    if (key === undefined || written === undefined)
      throw new ConfigError(`${path}, line ${index + 1}: '${text}' is neither \`Name = value\` nor \`[section]\``);
    const value = /^(["'])(.*)\1$/.exec(written)?.[2] ?? written;
    if (value === '') continue;
    const name = byLowerCase.get(key.toLowerCase());
    if (name === undefined) unknown.push(key);
    else values.set(name, value);
  }
  return { name: path, values, unknown };
}

/** Annotations that set a parameter: what follows is its name. */
const annotationPrefix = 'config.projectcalico.org/';

/** Parameters that the store cannot set: they say where it is, and what this node is called. */
const isLocal = (name: string): boolean => /^(?:Etcd|Typha|DatastoreType$|FelixHostname$|DebugBPFCgroupV2$)/.test(name);

/**
 * A FelixConfiguration resource. Absent and empty fields say nothing, lists without anything in them `none`. Annotations
 * `config.projectcalico.org/<name>`, which nobody has checked, go before fields, as in Calico.
 */
export function fromResource(resource: FelixConfiguration | undefined): Source {
  const values = new Map<ParameterName, string>();
  const unknown: string[] = [];
  const spec: Readonly<Record<string, unknown>> = { ...resource?.spec };
  for (const name of parameterNames) {
    const { field, type }: Parameter<unknown> = parameters[name];
    const value = field === undefined ? undefined : spec[field];
    const text = value === undefined || value === null ? '' : asText(value, type.unit);
    if (text !== '') values.set(name, text);
  }
  for (const [annotation, value] of Object.entries(resource?.metadata.annotations ?? {})) {
    if (!annotation.startsWith(annotationPrefix) || value === '') continue;
    const name = byLowerCase.get(annotation.slice(annotationPrefix.length).toLowerCase());
    if (name === undefined || isLocal(name)) unknown.push(annotation);
    else values.set(name, value);
  }
  return { name: `FelixConfiguration ${resource?.metadata.name ?? ''}`, values, unknown };
}

/**
 * What ClusterInformation says of the cluster's type, as far as that means anything to Felix: other types come and go with
 * nodes, and are no reason to start over.
 */
export function fromCluster(information: ClusterInformation | undefined): Source {
  const types = (information?.spec.clusterType ?? '').split(',').filter((type) => /openstack/i.test(type));
  return { name: 'ClusterInformation', values: new Map(types.length === 0 ? [] : [['ClusterType', types.join(',')]]) };
}

function asText(value: unknown, unit: ParameterType<unknown>['unit']): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((item) => asText(item, unit)).join(',');
  if (typeof value === 'object' && value !== null) return objectText(value);
  if (typeof value !== 'string') return JSON.stringify(value);
  const nanoseconds = unit === undefined ? undefined : parseGoDuration(value);
  return nanoseconds === undefined ? value : String(Number(nanoseconds) / (unit === 'milliseconds' ? 1e6 : 1e9));
}

/** A port, a range, a timeout of a component, or fields and their values. */
function objectText(value: object): string {
  const port = failsafePortText(value);
  if (port !== undefined) return port;
  const fields = Object.entries(value);
  const named = Object.fromEntries(fields);
  if ('min' in named && 'max' in named) return `${String(named['min'])}-${String(named['max'])}`;
  if ('name' in named && 'timeout' in named) return `${String(named['name'])}=${String(named['timeout'])}`;
  return fields.map(([name, each]) => `${name}=${String(each)}`).join(',');
}
