import { noted, type ValueCheck } from '../schema/schema.ts';

/** An RFC 1123 label. */
const L = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';

/** A check by an anchored pattern. */
export function matches(pattern: RegExp, message: string): ValueCheck<string> {
  return noted(message.replace(/^must (?:be )?/, ''), (value: string) =>
    value === '' || pattern.test(value) ? undefined : message,
  );
}

export function maxLength(length: number): ValueCheck<string> {
  return noted(`at most ${length} characters`, (value: string) =>
    hasMoreCharacters(value, length) ? `must have at most ${length} characters` : undefined,
  );
}

/** Characters as Go counts them, each code point one; JavaScript's own length counts some twice. */
function hasMoreCharacters(text: string, length: number): boolean {
  return text.length > length && (text.length > 2 * length || Array.from(text).length > length);
}

const RESOURCE_NAME = new RegExp(`^${L}(?:\\.${L})*$`);
const TIER_NAME = new RegExp(`^${L}$`);
const NETWORK_POLICY_NAME = new RegExp(`^(?:${L}(?:\\.${L})?|(?:knp|ossg)\\.default\\.${L}(?:\\.${L})*)$`);
const GLOBAL_POLICY_NAME = new RegExp(`^(?:${L}\\.)?${L}$`);

function nameOf(pattern: RegExp, maxLength: number, form: string): ValueCheck<string> {
  return noted(form, (name: string) =>
    name.length <= maxLength && pattern.test(name) ? undefined : `must be ${form}`,
  );
}

/** The rule for most metadata.name: lower-case labels joined by dots, 253 characters at most. */
export const resourceName = nameOf(
  RESOURCE_NAME,
  253,
  'lower-case letters, digits, "-" and ".", with a letter or digit at both ends and beside each ".", 253 characters at most',
);

export const tierName = nameOf(
  TIER_NAME,
  63,
  'lower-case letters, digits and "-", with a letter or digit at both ends, 63 characters at most',
);

export const networkPolicyName = nameOf(
  NETWORK_POLICY_NAME,
  253,
  'lower-case letters, digits and "-", with at most one "<tier>." before it, 253 characters at most',
);

export const globalPolicyName = nameOf(
  GLOBAL_POLICY_NAME,
  253,
  'lower-case letters, digits and "-", with at most one "<tier>." before it, 253 characters at most',
);

/** For kinds of which there is only one. */
export const onlyDefault = noted('"default"', (name: string) => (name === 'default' ? undefined : 'must be "default"'));

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

export const ignoredInterface = noted('an interface name with "*" as wildcard, but not "*" alone', (value: string) =>
  value === '*' ? 'must not match every interface' : value === '' ? 'must not be empty' : interfacePattern(value),
);

/** Felix's interface filter, in which `+` at the end is the wildcard. */
export const interfaceFilter = matches(
  /^[a-zA-Z0-9:._+-]{1,15}$/,
  'must be an interface name of at most 15 characters, with "+" as wildcard',
);

export const containerId = matches(
  /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/,
  'must consist of letters, digits and "-", and start and end with a letter or digit',
);

const PORT_NAME = 'at most 15 lower-case letters, digits and single "-" within, with at least one letter';

/** Kubernetes' port names: an IANA service name. */
export const endpointPortName = noted(PORT_NAME, (name: string) =>
  name.length <= 15 && /^[a-z0-9](?:-?[a-z0-9])*$/.test(name) && /[a-z]/.test(name)
    ? undefined
    : `must have ${PORT_NAME}`,
);

const SUBDOMAIN = new RegExp(`^${L}(?:\\.${L})*$`);
const QUALIFIED_PART = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/** A Kubernetes qualified name: `name` or `prefix/name`. */
export const labelKey = noted('a Kubernetes label name', (key: string) => {
  const slash = key.lastIndexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  const isPrefixValid = prefix === undefined || (prefix.length <= 253 && SUBDOMAIN.test(prefix));
  if (isPrefixValid && name.length <= 63 && QUALIFIED_PART.test(name)) return undefined;
  return 'must be a Kubernetes label name: [prefix/]name of letters, digits, "-", "_" and ".", 63 characters at most';
});

export const labelValue = noted('a Kubernetes label value', (value: string) =>
  value === '' || (value.length <= 63 && QUALIFIED_PART.test(value))
    ? undefined
    : 'must be a Kubernetes label value: letters, digits, "-", "_" and ".", 63 characters at most',
);

/** Annotation names are label names in any case. */
export const annotationKey = noted('a Kubernetes label name in any case', (key: string) => labelKey(key.toLowerCase()));

/** Text that must compile as a regular expression. */
export const regularExpression = noted('a regular expression', (value: string) => {
  try {
    new RegExp(value);
    return undefined;
  } catch {
    return 'must be a regular expression';
  }
});
