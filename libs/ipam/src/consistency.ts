/*
 * What `calicoctl ipam check` finds out: whether the addresses that IPAM records as given are those that
 * workloads and nodes use (Calico's documented behaviour). Pure; the caller reads the store.
 *
 * Services are in Kubernetes only: where the caller cannot ask it, an address of a load balancer is taken to be in use. So
 * is that of a virtual machine, which keeps it while it does not run.
 */
import type { AllocationBlock, IPPool, Node, WorkloadEndpoint } from '@calico-node/model';
import { cidrContains, parseCidrLoose, splitCidr, tryParseCidr, tryParseIp, type IpAddress } from '@calico-node/net';
import { allocationsOf, nodeOfAffinity, type Allocation } from './allocations.ts';
import { isWindowsReserved } from './block.ts';
import { isMachineHandle } from './machine-handle.ts';

export interface ConsistencyInputs {
  readonly blocks: readonly AllocationBlock[];
  readonly pools: readonly IPPool[];
  readonly nodes: readonly Node[];
  readonly endpoints: readonly WorkloadEndpoint[];
  /** The IDs of all stored handles. */
  readonly handleIds: readonly string[];
  /** The addresses of services that Calico gives addresses to; undefined when nobody can tell. */
  readonly services?: readonly AddressUse[] | undefined;
}

/** Something that uses an address: `Node(n1)`, `Workload(default/n1-k8s-web-eth0)`. */
export interface AddressUse {
  readonly ip: IpAddress;
  readonly owner: string;
}

/** An allocation held against what uses addresses. */
export interface CheckedAllocation extends Allocation {
  /** Undefined for none, and for what Windows nodes keep back, which has no handle record. */
  readonly handle: string | undefined;
  /** The node that uses it, or else the block's. */
  readonly node: string;
  readonly isInUse: boolean;
  /** Given back, and not free before its cooldown is over. */
  readonly isCoolingDown: boolean;
  /** Used on another node than the block's. */
  readonly isBorrowed: boolean;
  readonly isLoadBalancer: boolean;
  readonly owners: readonly string[];
}

export interface Consistency {
  readonly allocations: readonly CheckedAllocation[];
  readonly tunnelUses: readonly AddressUse[];
  readonly workloadUses: readonly AddressUse[];
  /** By address, every user of it. */
  readonly usesByIp: ReadonlyMap<IpAddress, readonly AddressUse[]>;
  /** Given, and nobody's; every allocation of such an address. */
  readonly leaked: readonly CheckedAllocation[];
  /** In use, outside every enabled pool and not allocated. */
  readonly outsidePools: readonly IpAddress[];
  /** In use inside an enabled pool, and not allocated. */
  readonly unallocated: readonly IpAddress[];
  readonly leakedHandles: readonly string[];
  readonly goodHandles: readonly string[];
  /** Named in blocks, without a record. */
  readonly missingHandles: readonly string[];
}

export function checkConsistency(inputs: ConsistencyInputs): Consistency {
  const { blocks, pools, nodes, endpoints, handleIds, services } = inputs;
  const tunnelUses = nodes.flatMap(tunnelUsesOf);
  const workloadUses = endpoints.flatMap(workloadUsesOf);
  const usesByIp = Map.groupBy([...tunnelUses, ...(services ?? []), ...workloadUses], ({ ip }) => ip);
  const allocations = blocks
    .flatMap(allocationsOf)
    .map((allocation) => checked(allocation, usesByIp, services !== undefined));
  const allocated = Map.groupBy(allocations, ({ ip }) => ip);
  const enabled = pools
    .filter(({ spec }) => spec.disabled !== true)
    .flatMap(({ spec }) => tryParseCidr(spec.cidr) ?? []);
  const strangers = [...usesByIp.keys()].filter((ip) => !allocated.has(ip));
  const isInPool = (ip: IpAddress): boolean => enabled.some((cidr) => cidrContains(cidr, ip));
  const named = new Set(allocations.flatMap(({ handle }) => handle ?? []));
  const stored = new Set(handleIds);
  return {
    allocations,
    tunnelUses,
    workloadUses,
    usesByIp,
    leaked: [...allocated.values()].flatMap((group) =>
      group.some(({ isInUse, isCoolingDown }) => isInUse || isCoolingDown) ? [] : group,
    ),
    outsidePools: strangers.filter((ip) => !isInPool(ip)),
    unallocated: strangers.filter(isInPool),
    leakedHandles: handleIds.filter((id) => !named.has(id)),
    goodHandles: handleIds.filter((id) => named.has(id)),
    missingHandles: [...named].filter((id) => !stored.has(id)),
  };
}

function checked(
  allocation: Allocation,
  usesByIp: ReadonlyMap<IpAddress, readonly AddressUse[]>,
  knowsServices: boolean,
): CheckedAllocation {
  const { ip, affinity, attribute } = allocation;
  const uses = usesByIp.get(ip) ?? [];
  const isReserved = attribute !== undefined && isWindowsReserved(attribute);
  const handle = isReserved ? undefined : nonEmpty(attribute?.handle_id?.split('\r', 1)[0]);
  const isLoadBalancer = affinity?.startsWith('virtual:') === true || handle?.startsWith('lb-') === true;
  const isPresumed = isLoadBalancer && !knowsServices;
  const isMachine = handle !== undefined && uses.length === 0 && isMachineHandle(handle);
  const isCoolingDown = attribute?.releasedAt !== undefined;
  const node = nonEmpty(attribute?.secondary?.['node']) ?? nodeOfAffinity(affinity);
  return {
    ...allocation,
    handle,
    node,
    isInUse: !isCoolingDown && (uses.length > 0 || isReserved || isPresumed || isMachine),
    isCoolingDown,
    isBorrowed: !isLoadBalancer && node !== nodeOfAffinity(affinity),
    isLoadBalancer,
    owners: [
      ...uses.map(({ owner }) => owner),
      ...(isReserved ? ['Reserved for Windows'] : []),
      ...(isPresumed ? ['LoadBalancer(not checked)'] : []),
      ...(isMachine ? ['VirtualMachine(not checked)'] : []),
    ],
  };
}

/** Every tunnel's address, also IPv6 ones, which are allocated the same way. */
function tunnelUsesOf({ metadata, spec }: Node): readonly AddressUse[] {
  return addressUses(
    [
      spec.ipv4VXLANTunnelAddr,
      spec.ipv6VXLANTunnelAddr,
      spec.wireguard?.interfaceIPv4Address,
      spec.wireguard?.interfaceIPv6Address,
      spec.bgp?.ipv4IPIPTunnelAddr,
    ],
    `Node(${metadata.name})`,
  );
}

function workloadUsesOf({ metadata, spec }: WorkloadEndpoint): readonly AddressUse[] {
  return addressUses(spec.ipNetworks ?? [], `Workload(${metadata.namespace ?? ''}/${metadata.name})`);
}

/** Addresses, or networks of one address; text that is neither is left out. */
function addressUses(texts: readonly (string | undefined)[], owner: string): readonly AddressUse[] {
  return texts.flatMap((text) => {
    const ip = text === undefined || text === '' ? undefined : addressOf(text);
    return ip === undefined ? [] : [{ ip, owner }];
  });
}

function addressOf(text: string): IpAddress | undefined {
  const ip = tryParseIp(text.split('/', 1)[0] ?? '');
  if (ip === undefined || !text.includes('/')) return ip;
  try {
    return splitCidr(parseCidrLoose(text)).ip;
  } catch {
    return undefined;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
