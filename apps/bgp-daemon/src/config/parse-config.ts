import {
  parseCommunity,
  type ExtraCommunities,
  type Filter,
  type FilterRule,
  type NextHopMode,
} from '@calico-node/bgp';
import { familyOf, ipToBytes, tryParseCidr, tryParseIp, type Cidr, type IpAddress } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import type { DaemonConfig, NeighborConfig, PeerType } from './daemon-config.ts';

/** A configuration that is refused whole. */
export class BgpConfigError extends Error {
  override readonly name = 'BgpConfigError';
  readonly code = 'invalid-config';
  /** The field, as in `neighbors[2].address`. */
  readonly path: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.path = path;
  }
}

export const defaultPort = 179;
const defaultHoldSeconds = 90;
const defaultRestartSeconds = 120;

function ip(text: string, path: string): IpAddress {
  const address = tryParseIp(text);
  if (address === undefined) throw new BgpConfigError(path, `'${text}' is not an IP address`);
  return address;
}

function optionalIp(text: string, path: string): IpAddress | undefined {
  return text === '' ? undefined : ip(text, path);
}

function cidr(text: string, path: string): Cidr {
  const prefix = tryParseCidr(text);
  if (prefix === undefined) throw new BgpConfigError(path, `'${text}' is not a prefix like 10.0.0.0/26`);
  return prefix;
}

function cidrs(texts: readonly string[], path: string): Cidr[] {
  return texts.map((text, index) => cidr(text, `${path}[${index}]`));
}

function dottedQuad(text: string, path: string): number {
  const address = tryParseIp(text);
  if (address === undefined || familyOf(address) !== 4)
    throw new BgpConfigError(path, `'${text}' is not a dotted quad`);
  const value = ipToBytes(address).reduce((sum, octet) => sum * 256 + octet, 0);
  if (value === 0) throw new BgpConfigError(path, 'must not be 0.0.0.0');
  return value;
}

function asn(value: number, path: string): number {
  if (value === 0) throw new BgpConfigError(path, 'must be an AS number from 1 to 4294967295');
  return value;
}

function port(value: number, path: string): number {
  if (value > 65535) throw new BgpConfigError(path, `${value} is not a port`);
  return value === 0 ? defaultPort : value;
}

function unique(names: readonly string[], path: string): void {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (name === '') throw new BgpConfigError(`${path}[${index}].name`, 'must not be empty');
    if (seen.has(name)) throw new BgpConfigError(`${path}[${index}].name`, `'${name}' is there twice`);
    seen.add(name);
  }
}

const operators: Readonly<Partial<Record<bgpV1.MatchOperator, NonNullable<FilterRule['match']>['operator']>>> = {
  [bgpV1.MatchOperator.EQUAL]: 'equal',
  [bgpV1.MatchOperator.NOT_EQUAL]: 'not-equal',
  [bgpV1.MatchOperator.IN]: 'in',
  [bgpV1.MatchOperator.NOT_IN]: 'not-in',
};

function filterRule(rule: bgpV1.FilterRule, path: string): FilterRule {
  if (rule.family !== 4 && rule.family !== 6) throw new BgpConfigError(`${path}.family`, 'must be 4 or 6');
  const action = { 1: 'accept', 2: 'reject' } as const;
  if (rule.action !== 1 && rule.action !== 2) throw new BgpConfigError(`${path}.action`, 'must be accept or reject');
  let match: FilterRule['match'];
  if (rule.cidr !== '') {
    const operator = operators[rule.matchOperator];
    if (operator === undefined) throw new BgpConfigError(`${path}.match_operator`, 'is needed with a cidr');
    match = {
      operator,
      cidr: cidr(rule.cidr, `${path}.cidr`),
      ...(rule.minLength === undefined ? {} : { minLength: rule.minLength }),
      ...(rule.maxLength === undefined ? {} : { maxLength: rule.maxLength }),
    };
  }
  return {
    family: rule.family,
    action: action[rule.action],
    match,
    interfacePattern: rule.interfacePattern === '' ? undefined : rule.interfacePattern,
    onlyRemotePeers: rule.onlyRemotePeers,
  };
}

const peerTypes: Readonly<Partial<Record<bgpV1.PeerType, PeerType>>> = {
  [bgpV1.PeerType.NODE_MESH]: 'mesh',
  [bgpV1.PeerType.NODE]: 'node',
  [bgpV1.PeerType.GLOBAL]: 'global',
};

const nextHopModes: Readonly<Partial<Record<bgpV1.NextHopMode, NextHopMode>>> = {
  [bgpV1.NextHopMode.SELF]: 'self',
  [bgpV1.NextHopMode.KEEP]: 'keep',
};

function neighbor(
  wire: bgpV1.Neighbor,
  config: bgpV1.BgpConfig,
  path: string,
  filters: ReadonlyMap<string, Filter>,
): NeighborConfig {
  const address = ip(wire.address, `${path}.address`);
  const sourceAddress = optionalIp(wire.sourceAddress, `${path}.source_address`);
  if (sourceAddress !== undefined && familyOf(sourceAddress) !== familyOf(address)) {
    throw new BgpConfigError(`${path}.source_address`, 'is of another family than the address');
  }
  for (const [field, names] of Object.entries({
    import_filters: wire.importFilters,
    export_filters: wire.exportFilters,
  })) {
    const index = names.findIndex((name) => !filters.has(name));
    if (index >= 0)
      throw new BgpConfigError(`${path}.${field}[${index}]`, `there is no filter '${names[index] ?? ''}'`);
  }
  const holdSeconds = wire.holdSeconds === 0 ? defaultHoldSeconds : wire.holdSeconds;
  if (holdSeconds < 3 || holdSeconds > 65535)
    throw new BgpConfigError(`${path}.hold_seconds`, 'must be from 3 to 65535');
  if (wire.ttlSecurityHops > 255) throw new BgpConfigError(`${path}.ttl_security_hops`, 'must be from 0 to 255');
  // tcp(7): TCP_MD5SIG_MAXKEYLEN
  if (Buffer.byteLength(wire.password) > 80) throw new BgpConfigError(`${path}.password`, 'is longer than 80 octets');
  const restart = [wire.restartSeconds, config.gracefulRestartSeconds, defaultRestartSeconds].find(
    (value) => value > 0,
  );
  return {
    name: wire.name,
    address,
    port: port(wire.port, `${path}.port`),
    remoteAs: asn(wire.remoteAs, `${path}.remote_as`),
    localAs: wire.localAs === 0 ? config.localAs : wire.localAs,
    sourceAddress,
    passive: wire.passive,
    type: peerTypes[wire.type] ?? 'other',
    password: wire.password === '' ? undefined : wire.password,
    ttlSecurityHops: wire.ttlSecurityHops,
    routeReflectorClient: wire.routeReflectorClient,
    clusterId: dottedQuad(wire.clusterId === '' ? config.routerId : wire.clusterId, `${path}.cluster_id`),
    nextHopMode: nextHopModes[wire.nextHopMode] ?? 'auto',
    restartSeconds: Math.min(restart ?? defaultRestartSeconds, 4095),
    holdSeconds,
    keepaliveSeconds: wire.keepaliveSeconds === 0 ? undefined : wire.keepaliveSeconds,
    allowedLocalAs: wire.allowedLocalAs,
    importFilters: wire.importFilters,
    exportFilters: wire.exportFilters,
  };
}

function communities(wire: bgpV1.PrefixCommunities, path: string): { prefix: Cidr; communities: ExtraCommunities } {
  const parsed = wire.communities.map((text, index) => {
    const community = parseCommunity(text);
    if (community === undefined)
      throw new BgpConfigError(`${path}.communities[${index}]`, `'${text}' is neither a:b nor a:b:c`);
    return community;
  });
  return {
    prefix: cidr(wire.prefix, `${path}.prefix`),
    communities: {
      standard: parsed.flatMap((community) => (community.kind === 'standard' ? [community.value] : [])),
      large: parsed.flatMap((community) => (community.kind === 'large' ? [community.value] : [])),
    },
  };
}

/**
 * Checks a configuration as it comes over gRPC or from a file.
 *
 * @throws BgpConfigError naming the first field that is wrong.
 */
export function parseConfig(wire: bgpV1.BgpConfig): DaemonConfig {
  const routerId = dottedQuad(wire.routerId, 'router_id');
  asn(wire.localAs, 'local_as');
  unique(
    wire.filters.map(({ name }) => name),
    'filters',
  );
  unique(
    wire.neighbors.map(({ name }) => name),
    'neighbors',
  );
  const filters = new Map(
    wire.filters.map(({ name, rules }, index) => [
      name,
      { name, rules: rules.map((rule, at) => filterRule(rule, `filters[${index}].rules[${at}]`)) },
    ]),
  );
  const staticRoutes = wire.staticRoutes.map(({ prefix, nextHop, suppressSpecifics }, index) => ({
    prefix: cidr(prefix, `static_routes[${index}].prefix`),
    nextHop: optionalIp(nextHop, `static_routes[${index}].next_hop`),
    suppressSpecifics,
  }));
  const kernel = wire.kernel ?? bgpV1.KernelConfig.fromPartial({});
  return {
    nodeName: wire.nodeName,
    routerId,
    localAs: wire.localAs,
    listenAddresses: wire.listenAddresses.map((text, index) => ip(text, `listen_addresses[${index}]`)),
    listenPort: port(wire.listenPort, 'listen_port'),
    neighbors: wire.neighbors.map((one, index) => neighbor(one, wire, `neighbors[${index}]`, filters)),
    staticRoutes: staticRoutes.map(({ prefix, nextHop }) => ({ prefix, nextHop })),
    kernel: {
      learn: kernel.learn,
      program: kernel.program,
      neverProgram: cidrs(kernel.neverProgram, 'kernel.never_program'),
    },
    announce: {
      neverAnnounce: cidrs(kernel.neverAnnounce, 'kernel.never_announce'),
      aggregates: staticRoutes.filter((route) => route.suppressSpecifics).map(({ prefix }) => prefix),
      originated: staticRoutes.filter((route) => !route.suppressSpecifics).map(({ prefix }) => prefix),
      announceWithin: cidrs(kernel.announceWithin, 'kernel.announce_within'),
      ignoredInterfaces: kernel.ignoredInterfaces,
    },
    filters,
    prefixCommunities: wire.prefixCommunities.map((one, index) => communities(one, `prefix_communities[${index}]`)),
  };
}
