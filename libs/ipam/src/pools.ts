import type { IPPool } from '@calico-node/model';
import {
  cidrContains,
  familyOf,
  parseCidr,
  tryParseCidr,
  type Cidr,
  type Family,
  type IpAddress,
} from '@calico-node/net';
import { labelsOf, parseSelector, type Labels } from '@calico-node/selector';
import { IpamError } from './errors.ts';

/** What the addresses are for; a pool says which uses it allows. */
export type IntendedUse = 'Workload' | 'Tunnel' | 'LoadBalancer';

/** An IP pool as the allocator sees it. */
export interface Pool {
  readonly name: string;
  readonly cidr: Cidr;
  readonly family: Family;
  /** The prefix length of its blocks. */
  readonly blockSize: number;
  /** Whether new addresses may be taken from it: not disabled, not being deleted, not refused. */
  readonly isEnabled: boolean;
  readonly isAutomatic: boolean;
  readonly allowedUses: readonly string[];
  readonly nodeSelector: string;
  readonly namespaceSelector: string;
}

/** The allocator's view of a pool, with Calico's defaults for fields that old records lack. */
export function toPool(resource: IPPool): Pool {
  const { metadata, spec, status } = resource;
  const cidr = parseCidr(spec.cidr);
  const family = familyOf(cidr);
  const isRefused =
    status?.conditions?.some(({ type, status: value }) => type === 'Allocatable' && value === 'False') ?? false;
  return {
    name: metadata.name,
    cidr,
    family,
    blockSize: spec.blockSize ?? (family === 4 ? 26 : 122),
    isEnabled: spec.disabled !== true && metadata.deletionTimestamp === undefined && !isRefused,
    isAutomatic: (spec.assignmentMode ?? 'Automatic') === 'Automatic',
    allowedUses: spec.allowedUses?.length ? spec.allowedUses : ['Workload', 'Tunnel'],
    nodeSelector: spec.nodeSelector ?? '',
    namespaceSelector: spec.namespaceSelector ?? '',
  };
}

export interface PoolRequest {
  readonly family: Family;
  readonly use: IntendedUse;
  /** Only these pools, by name or network; empty for any that select the node. */
  readonly requested: readonly string[];
  readonly nodeName: string;
  readonly nodeLabels: Readonly<Record<string, string>> | undefined;
  readonly namespaceLabels: Readonly<Record<string, string>> | undefined;
}

export interface ChosenPools {
  /** Those that addresses may be taken from, in order. */
  readonly usable: readonly Pool[];
}

/**
 * The pools that serve a request (Calico's documented behaviour). A pool asked for by name or network is taken
 * whatever it selects, but must be enabled and allow the use.
 * @throws IpamError `no-pool`, naming what is missing.
 */
export function choosePools(pools: readonly Pool[], request: PoolRequest): ChosenPools {
  const { family, use, requested, nodeName } = request;
  const enabled = pools.filter((pool) => pool.isEnabled && pool.family === family);
  const selecting =
    requested.length > 0
      ? requested.map((wanted) => findRequested(enabled, wanted, family))
      : enabled.filter((pool) => pool.isAutomatic && selectsNode(pool, request) && selectsNamespace(pool, request));
  if (selecting.length === 0) {
    throw new IpamError('no-pool', `no configured Calico pools for node ${nodeName} (IPv${family})`);
  }
  const usable = selecting.filter((pool) => pool.allowedUses.includes(use));
  if (usable.length === 0) {
    const names = selecting.map((pool) => pool.name).join(', ');
    throw new IpamError(
      'no-pool',
      `no IPv${family} pool of node ${nodeName} allows the use ${use} (looked at ${names})`,
    );
  }
  return { usable };
}

function findRequested(enabled: readonly Pool[], wanted: string, family: Family): Pool {
  const cidr = tryParseCidr(wanted);
  const pool = enabled.find((candidate) => (cidr === undefined ? candidate.name === wanted : candidate.cidr === cidr));
  if (pool !== undefined) return pool;
  throw new IpamError('no-pool', `the requested IPv${family} pool ${wanted} does not exist or is disabled`);
}

/** Whether a pool serves a node with these labels. */
export function selectsNode(pool: Pool, node: Pick<PoolRequest, 'nodeLabels'>): boolean {
  return matches(pool.nodeSelector, labelsOf(node.nodeLabels));
}

function selectsNamespace(pool: Pool, request: PoolRequest): boolean {
  return matches(pool.namespaceSelector, labelsOf(request.namespaceLabels));
}

/** An empty selector matches all; one that cannot be read matches nothing. */
function matches(selector: string, labels: Labels): boolean {
  if (selector.trim() === '') return true;
  try {
    return parseSelector(selector).evaluate(labels);
  } catch {
    return false;
  }
}

/** The pool that an address or block lies in, enabled or not. */
export function poolOf(pools: readonly Pool[], ipOrCidr: IpAddress | Cidr): Pool | undefined {
  return pools.find((pool) => familyOf(ipOrCidr) === pool.family && cidrContains(pool.cidr, ipOrCidr));
}
