import { fieldsOf, type Fields } from './fields.ts';

const generic = 'com.docker.network.generic';
const enableIpv6 = 'com.docker.network.enable_ipv6';
const labelPrefix = 'org.projectcalico.label.';

function isSet(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== '';
}

/** The names of a new network's options that would have no effect: what `--internal` and `--opt` set. */
export function unsupportedOptions(options: Fields): readonly string[] {
  const { [generic]: given, ...others } = options;
  return [...Object.entries(others), ...Object.entries(fieldsOf(given, generic))]
    .filter(([name, value]) => name !== enableIpv6 && isSet(value))
    .map(([name]) => name)
    .sort();
}

/** The workload labels that names and values carry as `org.projectcalico.label.<name>`. */
export function labelsIn(values: Fields): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      name.startsWith(labelPrefix) && name !== labelPrefix && typeof value === 'string'
        ? [[name.slice(labelPrefix.length), value]]
        : [],
    ),
  );
}

/** The labels in an endpoint's options: `docker network connect --driver-opt org.projectcalico.label.<name>=<value>`. */
export function endpointLabels(options: Fields): Readonly<Record<string, string>> {
  return { ...labelsIn(options), ...labelsIn(fieldsOf(options[generic], generic)) };
}
