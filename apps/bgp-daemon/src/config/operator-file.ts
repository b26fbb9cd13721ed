import { familyOf, tryParseCidr } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import { ConfigError } from '@calico-node/service';
import { readConfigFile } from './config-file.ts';
import { peerHop } from './daemon-config.ts';
import { BgpConfigError, peerAddress } from './fields.ts';
import { parseConfig } from './parse-config.ts';
import { defaultHoldSeconds } from './parse-neighbor.ts';

/** The name that a field has in a file: `hold_seconds` is `holdSeconds` there. What is between quotes is the file's own. */
function asInFile(text: string): string {
  return text.replace(/'[^']*'|_([a-z0-9])/g, (found, letter?: string) => letter?.toUpperCase() ?? found);
}

/** @throws BgpConfigError with `isWrong`'s reason */
function refuse(path: string, reason: string | false): void {
  if (reason !== false) throw new BgpConfigError(path, reason);
}

/**
 * Reads a file that somebody has written, and checks it.
 *
 * @throws ConfigError naming the file, and the line or the field that is wrong, or why it cannot be read.
 */
export function readOperatorFile(file: string): bgpV1.BgpConfig {
  try {
    const wire = readConfigFile(file);
    if (wire === undefined) throw new ConfigError(`${file}: there is no such file`);
    checkOperatorFile(wire);
    return wire;
  } catch (error) {
    if (error instanceof ConfigError || !(error instanceof Error)) throw error;
    throw new ConfigError(`${file}: ${error.message}`, { cause: error });
  }
}

/**
 * Checks a configuration that somebody has written: more than what another program of this node gives, for what makes
 * no sense there is a slip of the pen. Fields are named as the file has them.
 *
 * @throws BgpConfigError naming the first field that is wrong or missing.
 */
export function checkOperatorFile(wire: bgpV1.BgpConfig): void {
  checkPresence(wire);
  try {
    parseConfig(wire);
  } catch (error) {
    if (!(error instanceof BgpConfigError)) throw error;
    throw new BgpConfigError(asInFile(error.path), asInFile(error.reason));
  }
  checkUniqueness(wire);
  for (const [index, one] of wire.neighbors.entries()) checkNeighbor(one, `neighbors[${index}]`);
  for (const [index, { template }] of wire.dynamicNeighbors.entries())
    if (template !== undefined) checkNeighbor(template, `dynamicNeighbors[${index}].template`);
  for (const [index, { rules }] of wire.filters.entries())
    for (const [at, rule] of rules.entries()) checkRule(rule, `filters[${index}].rules[${at}]`);
}

function checkPresence({ routerId, localAs, neighbors, dynamicNeighbors }: bgpV1.BgpConfig): void {
  const isMissing = (path: string, value: string | number | undefined): void => {
    refuse(path, (value === '' || value === 0) && 'is missing');
  };
  isMissing('routerId', routerId);
  isMissing('localAs', localAs);
  for (const [index, { name, address, remoteAs }] of neighbors.entries())
    for (const [field, value] of Object.entries({ name, address, remoteAs }))
      isMissing(`neighbors[${index}].${field}`, value);
  for (const [index, { prefix, template }] of dynamicNeighbors.entries()) {
    isMissing(`dynamicNeighbors[${index}].prefix`, prefix);
    isMissing(`dynamicNeighbors[${index}].template.remoteAs`, template?.remoteAs);
  }
}

function checkUniqueness({ neighbors, staticRoutes }: bgpV1.BgpConfig): void {
  const unique = (list: string, field: string, values: readonly string[]): void => {
    for (const [index, value] of values.entries()) {
      const first = values.indexOf(value);
      refuse(`${list}[${index}].${field}`, first < index && `is that of ${list}[${first}] as well`);
    }
  };
  // Who connects is known by its address alone.
  unique(
    'neighbors',
    'address',
    neighbors.map(({ address, interfaceName }) => peerHop(peerAddress(address, interfaceName, 'address'))),
  );
  unique(
    'staticRoutes',
    'prefix',
    staticRoutes.map(({ prefix }) => prefix),
  );
}

function checkNeighbor(wire: bgpV1.Neighbor, path: string): void {
  const { holdSeconds, keepaliveSeconds, roleStrict, role, maxPrefixes, maxPrefixesAction } = wire;
  const hold = holdSeconds === 0 ? defaultHoldSeconds : holdSeconds;
  refuse(`${path}.keepaliveSeconds`, keepaliveSeconds >= hold && 'must be less than holdSeconds');
  refuse(`${path}.roleStrict`, roleStrict && role === bgpV1.Role.UNSPECIFIED && 'needs a role');
  const hasNoLimit = maxPrefixes === 0;
  refuse(`${path}.maxPrefixesAction`, hasNoLimit && maxPrefixesAction !== 0 && 'needs maxPrefixes');
  refuse(
    `${path}.maxPrefixesRestartSeconds`,
    hasNoLimit && wire.maxPrefixesRestartSeconds !== 0 && 'needs maxPrefixes',
  );
}

function checkRule({ family, cidr, matchOperator, minLength, maxLength }: bgpV1.FilterRule, path: string): void {
  const network = tryParseCidr(cidr);
  refuse(`${path}.cidr`, network !== undefined && familyOf(network) !== family && `is not of family ${family}`);
  const { IN, NOT_IN, UNSPECIFIED } = bgpV1.MatchOperator;
  refuse(`${path}.matchOperator`, network === undefined && matchOperator !== UNSPECIFIED && 'needs a cidr');
  const hasRange = network !== undefined && (matchOperator === IN || matchOperator === NOT_IN);
  const most = family === 4 ? 32 : 128;
  for (const [field, value] of Object.entries({ minLength, maxLength })) {
    if (value === undefined) continue;
    refuse(`${path}.${field}`, !hasRange && 'needs a cidr, and MATCH_OPERATOR_IN or MATCH_OPERATOR_NOT_IN');
    refuse(`${path}.${field}`, value > most && `must be at most ${most}`);
  }
  refuse(`${path}.maxLength`, (maxLength ?? most) < (minLength ?? 0) && 'is less than minLength');
}
