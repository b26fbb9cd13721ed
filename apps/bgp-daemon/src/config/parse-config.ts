import { PrefixSet } from '@calico-node/bgp';
import type { Cidr } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import type { LogLevel } from '@calico-node/service';
import type { DaemonConfig, Dampening, TunnelConfig } from './daemon-config.ts';
import {
  asn,
  BgpConfigError,
  cidr,
  cidrs,
  community,
  dottedQuad,
  ip,
  optionalIp,
  peerAddress,
  port,
} from './fields.ts';
import { bmpStation } from './parse-bmp.ts';
import { filterRule, priority } from './parse-filter.ts';
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

function prefixCommunities(wire: bgpV1.PrefixCommunities, path: string): DaemonConfig['prefixCommunities'][number] {
  const additions = wire.communities.map((text, index) => ({
    kind: 'add-community' as const,
    community: community(text, `${path}.communities[${index}]`),
  }));
  return { prefix: cidr(wire.prefix, `${path}.prefix`), additions };
}

function tunnel(wire: bgpV1.Tunnel, path: string): TunnelConfig {
  const { prefix, interfaceName, directWithin } = wire;
  if (interfaceName === '') throw new BgpConfigError(`${path}.interface_name`, 'must not be empty');
  return {
    prefix: cidr(prefix, `${path}.prefix`),
    interfaceName,
    directWithin: cidrs(directWithin, `${path}.direct_within`),
  };
}

function prefixesOf(routes: readonly { readonly prefix: Cidr }[]): PrefixSet {
  return new PrefixSet(routes.map(({ prefix }) => prefix));
}

function normalPriorityIn(value: number, path: string): number {
  return value === 0 ? 0 : priority(value, path);
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
  const kernel = wire.kernel ?? bgpV1.KernelConfig.fromPartial({});
  const normalPriority = {
    4: normalPriorityIn(kernel.normalPriorityV4, 'kernel.normal_priority_v4'),
    6: normalPriorityIn(kernel.normalPriorityV6, 'kernel.normal_priority_v6'),
  };
  const filters = new Map(
    wire.filters.map(({ name, rules }, index) => [
      name,
      { name, rules: rules.map((rule, at) => filterRule(rule, `filters[${index}].rules[${at}]`, normalPriority)) },
    ]),
  );
  const staticRoutes = wire.staticRoutes.map(({ prefix, nextHop, suppressSpecifics }, index) => ({
    prefix: cidr(prefix, `static_routes[${index}].prefix`),
    nextHop: optionalIp(nextHop, `static_routes[${index}].next_hop`),
    suppressSpecifics,
  }));
  const neverProgram = new PrefixSet(cidrs(kernel.neverProgram, 'kernel.never_program'));
  return {
    nodeName: wire.nodeName,
    routerId,
    localAs: wire.localAs,
    listenAddresses: wire.listenAddresses.map((text, index) => peerAddress(text, '', `listen_addresses[${index}]`)),
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
      neverProgram,
      maxPaths: kernel.maxPaths === 0 ? defaultMaxPaths : kernel.maxPaths,
      localAddresses: kernel.localAddresses.map((text, index) => ip(text, `kernel.local_addresses[${index}]`)),
      tunnels: kernel.tunnels.map((one, index) => tunnel(one, `kernel.tunnels[${index}]`)),
    },
    announce: {
      neverAnnounce: new PrefixSet(cidrs(kernel.neverAnnounce, 'kernel.never_announce')),
      aggregates: prefixesOf(staticRoutes.filter((route) => route.suppressSpecifics)),
      originated: prefixesOf(staticRoutes.filter((route) => !route.suppressSpecifics)),
      announceWithin: new PrefixSet(cidrs(kernel.announceWithin, 'kernel.announce_within')),
      routedElsewhere: neverProgram,
      ignoredInterfaces: kernel.ignoredInterfaces,
      normalPriority,
    },
    filters,
    prefixCommunities: wire.prefixCommunities.map((one, index) =>
      prefixCommunities(one, `prefix_communities[${index}]`),
    ),
  };
}
