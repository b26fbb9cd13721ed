import { parseCommunity, type ExtraCommunities, type FilterRule } from '@calico-node/bgp';
import type { Cidr } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import type { LogLevel } from '@calico-node/service';
import type { DaemonConfig, Dampening } from './daemon-config.ts';
import { asn, BgpConfigError, cidr, cidrs, dottedQuad, ip, optionalIp, port } from './fields.ts';
import { bmpStation } from './parse-bmp.ts';
import { mrtLog } from './parse-mrt.ts';
import { dynamicNeighbor, neighbor } from './parse-neighbor.ts';

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

/** As real Calico's default with `merge paths on`. */
const defaultMaxPaths = 16;

const logLevels: Readonly<Partial<Record<bgpV1.LogLevel, LogLevel>>> = {
  [bgpV1.LogLevel.NONE]: 'fatal',
  [bgpV1.LogLevel.INFO]: 'info',
  [bgpV1.LogLevel.DEBUG]: 'debug',
};

function dampening(wire: bgpV1.Dampening | undefined): Dampening | undefined {
  if (wire === undefined) return undefined;
  return {
    flaps: wire.flaps === 0 ? 3 : wire.flaps,
    stableSeconds: wire.stableSeconds === 0 ? 60 : wire.stableSeconds,
    maximumSeconds: wire.maximumSeconds === 0 ? 300 : wire.maximumSeconds,
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
    dynamicNeighbors: wire.dynamicNeighbors.map((one, index) =>
      dynamicNeighbor(one, wire, `dynamic_neighbors[${index}]`, filters),
    ),
    dampening: dampening(wire.dampening),
    bmpStations: wire.bmpStations.map((one, index) => bmpStation(one, `bmp_stations[${index}]`)),
    mrtLog: mrtLog(wire.mrtLog),
    logLevel: logLevels[wire.logLevel],
    staticRoutes: staticRoutes.map(({ prefix, nextHop }) => ({ prefix, nextHop })),
    kernel: {
      learn: kernel.learn,
      program: kernel.program,
      neverProgram: cidrs(kernel.neverProgram, 'kernel.never_program'),
      maxPaths: kernel.maxPaths === 0 ? defaultMaxPaths : kernel.maxPaths,
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
