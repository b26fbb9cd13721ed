/** What `ipam check` compares: the addresses that IPAM gave with those that workloads and nodes use. Pure. */
import {
  parseHandleKey,
  type AllocationBlock,
  type IPPool,
  type IpamHandle,
  type Node,
  type WorkloadEndpoint,
} from '@calico-node/model';
import { cidrContains, parseCidrLoose, splitCidr, tryParseCidr, tryParseIp, type IpAddress } from '@calico-node/net';
import { allocationsOf, type Allocation } from './blocks.ts';

export interface CheckInputs {
  readonly blocks: readonly AllocationBlock[];
  readonly pools: readonly IPPool[];
  readonly nodes: readonly Node[];
  readonly endpoints: readonly WorkloadEndpoint[];
  readonly handles: ReadonlyMap<string, IpamHandle>;
}

export interface CheckResult {
  readonly allocations: readonly Allocation[];
  readonly tunnelIps: ReadonlyMap<IpAddress, string>;
  readonly workloadIps: ReadonlyMap<IpAddress, string>;
  /** Allocated, and nobody's. */
  readonly leaked: readonly Allocation[];
  /** In use outside every enabled pool. */
  readonly outsidePools: readonly IpAddress[];
  /** In use inside a pool, and not allocated. */
  readonly unallocated: readonly IpAddress[];
  readonly leakedHandles: readonly string[];
  readonly goodHandles: number;
  /** Named in blocks, without a record. */
  readonly missingHandles: readonly string[];
  readonly invalidBlocks: readonly AllocationBlock[];
}

/** The handle of the addresses that Windows nodes keep for themselves. */
const WINDOWS_RESERVED = 'windows-reserved-ipam-handle';

export function checkIpam({ blocks, pools, nodes, endpoints, handles }: CheckInputs): CheckResult {
  const allocations = blocks.flatMap(allocationsOf);
  const allocated = new Set(allocations.map(({ ip }) => ip));
  const tunnelIps = new Map(nodes.flatMap(tunnelIpsOf));
  const workloadIps = new Map(endpoints.flatMap(workloadIpsOf));
  const enabled = pools
    .filter((pool) => pool.spec.disabled !== true)
    .flatMap((pool) => tryParseCidr(pool.spec.cidr) ?? []);
  const inPool = (ip: IpAddress): boolean => enabled.some((cidr) => cidrContains(cidr, ip));
  const inUse = [...new Set([...tunnelIps.keys(), ...workloadIps.keys()])];
  const named = new Set(allocations.flatMap(({ attribute }) => attribute.handle_id ?? []));
  const goodHandles = [...handles.keys()].filter((id) => named.has(id)).length;
  return {
    allocations,
    tunnelIps,
    workloadIps,
    leaked: allocations.filter(
      ({ ip, attribute }) => !tunnelIps.has(ip) && !workloadIps.has(ip) && attribute.handle_id !== WINDOWS_RESERVED,
    ),
    outsidePools: inUse.filter((ip) => !inPool(ip)),
    unallocated: inUse.filter((ip) => inPool(ip) && !allocated.has(ip)),
    leakedHandles: [...handles.keys()].filter((id) => !named.has(id)),
    goodHandles,
    missingHandles: [...named].filter((id) => id !== WINDOWS_RESERVED && !handles.has(id)),
    invalidBlocks: blocks.filter((block) => !isValid(block)),
  };
}

/** The handle IDs of a listing. */
export function handleIdOf(key: string): string {
  return parseHandleKey(key) ?? key;
}

function tunnelIpsOf({ metadata, spec }: Node): readonly (readonly [IpAddress, string])[] {
  const texts = [
    spec.ipv4VXLANTunnelAddr,
    spec.ipv6VXLANTunnelAddr,
    spec.bgp?.ipv4IPIPTunnelAddr,
    spec.wireguard?.interfaceIPv4Address,
    spec.wireguard?.interfaceIPv6Address,
  ];
  return texts.flatMap((text) => {
    const ip = tryParseIp(text ?? '');
    return ip === undefined ? [] : [[ip, `node ${metadata.name}`] as const];
  });
}

function workloadIpsOf({ metadata, spec }: WorkloadEndpoint): readonly (readonly [IpAddress, string])[] {
  return (spec.ipNetworks ?? []).flatMap((text) => {
    const cidr = text.includes('/') ? parseCidrLoose(text) : undefined;
    const ip = cidr === undefined ? tryParseIp(text) : splitCidr(cidr).ip;
    return ip === undefined ? [] : [[ip, `workload ${metadata.namespace ?? ''}/${metadata.name}`] as const];
  });
}

/** Whether a block's tables agree with one another (calico-calicoctl 9.6). */
function isValid({ allocations, attributes, unallocated }: AllocationBlock): boolean {
  const used = allocations.filter((index) => index !== null);
  const count = attributes?.length ?? 0;
  const isReferenced = new Set(used);
  const free = new Set(unallocated);
  return (
    used.every((index) => index < count) &&
    Array.from({ length: count }, (_, index) => index).every((index) => isReferenced.has(index)) &&
    free.size === unallocated.length &&
    unallocated.every((ordinal) => ordinal < allocations.length && allocations[ordinal] === null) &&
    unallocated.length + used.length === allocations.length
  );
}
