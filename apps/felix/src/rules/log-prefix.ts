import type { RuleOptions } from './options.ts';

/** Whose Log rules they are. */
interface LogOwner {
  /** Of a policy. */
  readonly tier?: string;
  /** In short, as in names of chains: `gnp`; `pro` of a profile. */
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

const DEFAULT_PREFIX = 'calico-packet';

/**
 * The options for the rules of one owner: in LogPrefix `%t` is the tier, `%k` the kind, `%n` the name and `%p` the name
 * with the namespace, if there is one (`felix/rules/policy.go`).
 */
export function withLogPrefix(options: RuleOptions, { tier = '', kind, namespace, name }: LogOwner): RuleOptions {
  const template = options.logPrefix === '' ? DEFAULT_PREFIX : options.logPrefix;
  const values: Readonly<Record<string, string>> = {
    '%t': tier,
    '%k': kind,
    '%n': name,
    '%p': namespace === undefined ? name : `${namespace}/${name}`,
  };
  const logPrefix = template.replaceAll(/%[tknp]/g, (specifier) => values[specifier] ?? specifier);
  return logPrefix === options.logPrefix ? options : { ...options, logPrefix };
}
