import { isLinkLocal, type Filter, type NextHopMode, type Role } from '@calico-node/bgp';
import { familyOf, splitCidr, type Family, type IpAddress } from '@calico-node/net';
import { bgpV1 } from '@calico-node/rpc';
import {
  dynamicName,
  type DynamicNeighborConfig,
  type NeighborConfig,
  type PeerAddress,
  type PeerType,
  type PrefixLimit,
} from './daemon-config.ts';
import { bfdSettings } from './parse-bfd.ts';
import { asn, BgpConfigError, cidr, dottedQuad, optionalIp, peerAddress, port } from './fields.ts';

export const defaultHoldSeconds = 90;
const defaultRestartSeconds = 120;
const defaultPrefixRestartSeconds = 300;
const defaultDynamicLimit = 100;
/** RFC 9687 6 */
const leastSendHoldSeconds = 480;
const maxAdvertisementSeconds = 600;
/** RFC 9494 3: 24 bits. */
const maxLongLivedSeconds = 0xffffff;

const peerTypes: Readonly<Partial<Record<bgpV1.PeerType, PeerType>>> = {
  [bgpV1.PeerType.NODE_MESH]: 'mesh',
  [bgpV1.PeerType.NODE]: 'node',
  [bgpV1.PeerType.GLOBAL]: 'global',
};

const nextHopModes: Readonly<Partial<Record<bgpV1.NextHopMode, NextHopMode>>> = {
  [bgpV1.NextHopMode.SELF]: 'self',
  [bgpV1.NextHopMode.KEEP]: 'keep',
};

const roles: Readonly<Partial<Record<bgpV1.Role, Role>>> = {
  [bgpV1.Role.PROVIDER]: 'provider',
  [bgpV1.Role.ROUTE_SERVER]: 'route-server',
  [bgpV1.Role.ROUTE_SERVER_CLIENT]: 'route-server-client',
  [bgpV1.Role.CUSTOMER]: 'customer',
  [bgpV1.Role.PEER]: 'peer',
};

const limitActions: Readonly<Partial<Record<bgpV1.PrefixLimitAction, PrefixLimit['action']>>> = {
  [bgpV1.PrefixLimitAction.STOP]: 'stop',
  [bgpV1.PrefixLimitAction.WARN]: 'warn',
};

function prefixLimit(wire: bgpV1.Neighbor): PrefixLimit | undefined {
  if (wire.maxPrefixes === 0) return undefined;
  const { maxPrefixesRestartSeconds: seconds } = wire;
  return {
    prefixes: wire.maxPrefixes,
    action: limitActions[wire.maxPrefixesAction] ?? 'restart',
    restartSeconds: seconds === 0 ? defaultPrefixRestartSeconds : seconds,
  };
}

function families(wire: bgpV1.Neighbor, address: IpAddress, path: string): readonly Family[] {
  const own = familyOf(address);
  if (wire.families.length === 0) return [own];
  const chosen = new Set<Family>();
  for (const [index, family] of wire.families.entries()) {
    const at = `${path}.families[${index}]`;
    if (family !== 4 && family !== 6) throw new BgpConfigError(at, 'must be 4 or 6');
    if (family === 6 && own === 4) throw new BgpConfigError(at, 'IPv6 needs a session over IPv6');
    chosen.add(family);
  }
  return [...chosen].sort((a, b) => a - b);
}

function role(wire: bgpV1.Neighbor, localAs: number, path: string): NeighborConfig['role'] {
  const ours = roles[wire.role];
  if (ours === undefined) return undefined;
  if (wire.remoteAs === localAs) throw new BgpConfigError(`${path}.role`, 'is for a peer in another AS');
  return { role: ours, strict: wire.roleStrict };
}

/** Which field, if any, is for a peer in another AS, or for one in ours, and this peer is not. */
function checkRelation(wire: bgpV1.Neighbor, localAs: number, path: string): void {
  const isExternal = wire.remoteAs !== localAs;
  const misplaced = (
    isExternal
      ? (['routeReflectorClient'] as const)
      : (['routeServerClient', 'prependLocalAs', 'keepGlobalAs', 'enforceFirstAs'] as const)
  ).find((field) => wire[field]);
  if (misplaced === undefined) return;
  const name = misplaced.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  throw new BgpConfigError(`${path}.${name}`, `is for a peer in ${isExternal ? 'our' : 'another'} AS`);
}

function isOneHop({ multihop, ttlSecurityHops }: bgpV1.Neighbor): boolean {
  return !multihop && ttlSecurityHops <= 1;
}

export function neighbor(
  wire: bgpV1.Neighbor,
  config: bgpV1.BgpConfig,
  path: string,
  filters: ReadonlyMap<string, Filter>,
): NeighborConfig {
  const peer = peerAddress(wire.address, wire.interfaceName, `${path}.address`);
  const { address, interfaceName } = peer;
  if (interfaceName !== undefined && !isOneHop(wire))
    throw new BgpConfigError(`${path}.address`, 'is link-local, and so no more than one hop away');
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
  if (wire.longLivedSeconds > maxLongLivedSeconds)
    throw new BgpConfigError(`${path}.long_lived_seconds`, `must be at most ${maxLongLivedSeconds}`);
  if (wire.advertisementSeconds > maxAdvertisementSeconds)
    throw new BgpConfigError(`${path}.advertisement_seconds`, `must be at most ${maxAdvertisementSeconds}`);
  const localAs = wire.localAs === 0 ? config.localAs : wire.localAs;
  checkRelation(wire, localAs, path);
  const isOtherAs = localAs !== config.localAs;
  const restart = [wire.restartSeconds, config.gracefulRestartSeconds, defaultRestartSeconds].find(
    (value) => value > 0,
  );
  return {
    name: wire.name,
    ...peer,
    port: port(wire.port, `${path}.port`),
    remoteAs: asn(wire.remoteAs, `${path}.remote_as`),
    localAs,
    sourceAddress,
    passive: wire.passive,
    type: peerTypes[wire.type] ?? 'other',
    password: wire.password === '' ? undefined : wire.password,
    ttlSecurityHops: wire.ttlSecurityHops,
    multihop: wire.multihop,
    families: families(wire, address, path),
    routeReflectorClient: wire.routeReflectorClient,
    clusterId: dottedQuad(wire.clusterId === '' ? config.routerId : wire.clusterId, `${path}.cluster_id`),
    routeServerClient: wire.routeServerClient,
    receivedAs: wire.prependLocalAs && isOtherAs ? localAs : undefined,
    globalAs: wire.keepGlobalAs && isOtherAs ? config.localAs : undefined,
    enforceFirstAs: wire.enforceFirstAs,
    nextHopMode: nextHopModes[wire.nextHopMode] ?? 'auto',
    restartSeconds: Math.min(restart ?? defaultRestartSeconds, 4095),
    holdSeconds,
    keepaliveSeconds: wire.keepaliveSeconds === 0 ? undefined : wire.keepaliveSeconds,
    allowedLocalAs: wire.allowedLocalAs,
    importFilters: wire.importFilters,
    exportFilters: wire.exportFilters,
    addPath: { send: wire.addPathSend, receive: wire.addPathReceive },
    prefixLimit: prefixLimit(wire),
    sendHoldSeconds:
      wire.sendHoldSeconds === 0 ? Math.max(leastSendHoldSeconds, 2 * holdSeconds) : wire.sendHoldSeconds,
    role: role(wire, localAs, path),
    longLivedSeconds: wire.longLivedSeconds === 0 ? undefined : wire.longLivedSeconds,
    advertisementSeconds: wire.advertisementSeconds === 0 ? undefined : wire.advertisementSeconds,
    bfd: bfdSettings(wire.bfd, `${path}.bfd`),
  };
}

/** Peers from a network: each is what the template says, passive, and named by its address. */
export function dynamicNeighbor(
  wire: bgpV1.DynamicNeighbor,
  config: bgpV1.BgpConfig,
  path: string,
  filters: ReadonlyMap<string, Filter>,
): DynamicNeighborConfig {
  const prefix = cidr(wire.prefix, `${path}.prefix`);
  const { template } = wire;
  if (template === undefined) throw new BgpConfigError(`${path}.template`, 'is missing');
  if (template.address !== '') throw new BgpConfigError(`${path}.template.address`, 'is the address that a peer has');
  const interfaceName = template.interfaceName === '' ? undefined : template.interfaceName;
  const configOf = (peer: PeerAddress): NeighborConfig =>
    neighbor(
      {
        ...template,
        name: dynamicName(peer),
        address: peer.address,
        interfaceName: peer.interfaceName ?? '',
        passive: true,
      },
      config,
      `${path}.template`,
      filters,
    );
  const { ip: first } = splitCidr(prefix);
  if (interfaceName !== undefined && !isLinkLocal(first))
    throw new BgpConfigError(`${path}.template.interface_name`, 'is for link-local addresses');
  // What is wrong with the template is wrong for any address of the network.
  configOf({ address: first, interfaceName: isLinkLocal(first) ? (interfaceName ?? 'any') : undefined });
  return {
    prefix,
    interfaceName,
    takesLinkLocal: isOneHop(template),
    limit: wire.limit === 0 ? defaultDynamicLimit : wire.limit,
    configOf,
    template: [template, config.localAs, config.gracefulRestartSeconds],
    password: template.password === '' ? undefined : template.password,
  };
}
