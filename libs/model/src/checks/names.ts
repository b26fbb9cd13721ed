import type { ValueCheck } from '../schema/schema.ts';

/** An RFC 1123 label. */
const L = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';

/** A check by an anchored pattern. */
export function matches(pattern: RegExp, message: string): ValueCheck<string> {
  return (value) => (value === '' || pattern.test(value) ? undefined : message);
}

export function maxLength(length: number): ValueCheck<string> {
  return (value) => (value.length > length ? `must have at most ${length} characters` : undefined);
}

const RESOURCE_NAME = new RegExp(`^${L}(?:\\.${L})*$`);
const TIER_NAME = new RegExp(`^${L}$`);
const NETWORK_POLICY_NAME = new RegExp(`^(?:${L}(?:\\.${L})?|(?:knp|ossg)\\.default\\.${L}(?:\\.${L})*)$`);
const GLOBAL_POLICY_NAME = new RegExp(`^(?:${L}\\.)?${L}$`);

/** The rule for most metadata.name: lower-case labels joined by dots, 253 characters at most. */
export const resourceName: ValueCheck<string> = (name) =>
  name.length <= 253 && RESOURCE_NAME.test(name)
    ? undefined
    : 'must consist of lower-case letters, digits, "-" and ".", start and end with a letter or digit, and have at most 253 characters';

export const tierName: ValueCheck<string> = (name) =>
  name.length <= 63 && TIER_NAME.test(name)
    ? undefined
    : 'must consist of lower-case letters, digits and "-", start and end with a letter or digit, and have at most 63 characters';

export const networkPolicyName: ValueCheck<string> = (name) =>
  name.length <= 253 && NETWORK_POLICY_NAME.test(name)
    ? undefined
    : 'must be a lower-case name of letters, digits and "-", with at most one "<tier>." before it';

export const globalPolicyName: ValueCheck<string> = (name) =>
  name.length <= 253 && GLOBAL_POLICY_NAME.test(name)
    ? undefined
    : 'must be a lower-case name of letters, digits and "-", with at most one "<tier>." before it';

/** For kinds of which there is only one. */
export const onlyDefault: ValueCheck<string> = (name) => (name === 'default' ? undefined : 'must be "default"');

/** An exact interface name, or `*` for all. */
export const interfaceName = matches(
  /^(?:\*|[a-zA-Z0-9_.-]{1,15})$/,
  'must be an interface name of at most 15 characters, or "*"',
);

/** An interface name that may hold wildcards `*`. */
export const interfacePattern = matches(
  /^[a-zA-Z0-9_.*-]{1,15}$/,
  'must be an interface name of at most 15 characters, with "*" as wildcard',
);

export const ignoredInterface: ValueCheck<string> = (value) =>
  value === '*' ? 'must not match every interface' : value === '' ? 'must not be empty' : interfacePattern(value);

/** Felix's interface filter, in which `+` at the end is the wildcard. */
export const interfaceFilter = matches(
  /^[a-zA-Z0-9:._+-]{1,15}$/,
  'must be an interface name of at most 15 characters, with "+" as wildcard',
);

export const containerId = matches(
  /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/,
  'must consist of letters, digits and "-", and start and end with a letter or digit',
);

/** Kubernetes' port names: an IANA service name. */
export const endpointPortName: ValueCheck<string> = (name) =>
  name.length <= 15 && /^[a-z0-9](?:-?[a-z0-9])*$/.test(name) && /[a-z]/.test(name)
    ? undefined
    : 'must have at most 15 lower-case letters, digits and single "-", with at least one letter';

const SUBDOMAIN = new RegExp(`^${L}(?:\\.${L})*$`);
const QUALIFIED_PART = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** A Kubernetes qualified name: `name` or `prefix/name`. */
export const labelKey: ValueCheck<string> = (key) => {
  const slash = key.lastIndexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const isPrefixValid = prefix === undefined || (prefix.length <= 253 && SUBDOMAIN.test(prefix));
  if (isPrefixValid && name.length <= 63 && QUALIFIED_PART.test(name)) return undefined;
  return 'must be a Kubernetes label name: [prefix/]name of letters, digits, "-", "_" and ".", 63 characters at most';
};

export const labelValue: ValueCheck<string> = (value) =>
  value === '' || (value.length <= 63 && QUALIFIED_PART.test(value))
    ? undefined
    : 'must be a Kubernetes label value: letters, digits, "-", "_" and ".", 63 characters at most';

/** Annotation names are label names in any case. */
export const annotationKey: ValueCheck<string> = (key) => labelKey(key.toLowerCase());

/** Text that must compile as a regular expression. */
export const regularExpression: ValueCheck<string> = (value) => {
  try {
    new RegExp(value);
    return undefined;
  } catch {
    return 'must be a regular expression';
  }
};
