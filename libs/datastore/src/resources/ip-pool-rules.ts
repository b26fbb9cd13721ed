import { setTimeout as delay } from 'node:timers/promises';
import { blockPrefix, parseBlockKey, type Resource } from '@calico-node/model';
import { cidrsOverlap, familyOf, parseCidr, splitCidr, tryParseCidr } from '@calico-node/net';
import type { Backend, CallOptions } from '../backend.ts';
import { DatastoreError, isDatastoreError } from '../errors.ts';
import type { IpamCleanup } from './ipam-cleanup.ts';
import { identityOf, parseRevision } from './metadata.ts';
import type { Resources } from './resources.ts';

/** How long allocators on other nodes may still use a pool that they read before it was disabled. */
const settleMs = 500;

type IPPool = Resource<'IPPool'>;

/**
 * A new pool must not overlap another, nor blocks of another size that an old one left.
 * @throws DatastoreError `validation`
 */
export async function checkPoolIsNew(
  backend: Backend,
  resources: Resources,
  pool: IPPool,
  options: CallOptions,
): Promise<void> {
  const identity = identityOf('IPPool', pool.metadata.name);
  const refuse = (message: string): DatastoreError =>
    new DatastoreError('validation', `${identity}: spec.cidr ${pool.spec.cidr} ${message}`, { identity });
  const cidr = parseCidr(pool.spec.cidr);
  for (const other of (await resources.list('IPPool', undefined, options)).items) {
    const otherCidr = tryParseCidr(other.spec.cidr);
    if (otherCidr === undefined || other.metadata.name === pool.metadata.name || !cidrsOverlap(cidr, otherCidr))
      continue;
    throw refuse(`overlaps ${otherCidr} of IPPool(${other.metadata.name})`);
  }
  const { items } = await backend.list(blockPrefix(familyOf(cidr)), options);
  for (const { key } of items) {
    const block = parseBlockKey(key);
    if (block === undefined || !cidrsOverlap(cidr, block)) continue;
    if (splitCidr(block).prefixLength === pool.spec.blockSize) continue;
    throw refuse(`holds block ${block} of another size than spec.blockSize ${String(pool.spec.blockSize)}`);
  }
}

/**
 * A pool's network and block size are for ever, and a load balancer's pool stays one. Another spelling of
 * the same network is no change: older clients stored what the user wrote.
 * @throws DatastoreError `validation`
 */
export async function checkPoolUpdate(resources: Resources, pool: IPPool, options: CallOptions): Promise<void> {
  const { name } = pool.metadata;
  const current = await resources.get('IPPool', name, undefined, options);
  const identity = identityOf('IPPool', name);
  const refuse = (field: string): DatastoreError =>
    new DatastoreError('validation', `${identity}: spec.${field} cannot be changed`, {
      identity,
      hint: 'create another pool',
    });
  if (current.spec.cidr !== pool.spec.cidr && tryParseCidr(current.spec.cidr) !== pool.spec.cidr) throw refuse('cidr');
  if (current.spec.blockSize !== pool.spec.blockSize) throw refuse('blockSize');
  if (isForLoadBalancers(current) && !isForLoadBalancers(pool)) throw refuse('allowedUses');
}

function isForLoadBalancers({ spec }: IPPool): boolean {
  return spec.allowedUses?.includes('LoadBalancer') ?? false;
}

/**
 * Prepares a pool's deletion: no new addresses, then no affinities. Addresses in use stay assigned.
 * Gives the revision to delete it at.
 */
export async function retirePool(
  resources: Resources,
  ipam: IpamCleanup,
  name: string,
  options: CallOptions,
): Promise<bigint> {
  const disabled = await disable(resources, name, options);
  const cidr = tryParseCidr(disabled.spec.cidr);
  if (cidr !== undefined) await ipam.releasePoolAffinities(cidr);
  return parseRevision(disabled.metadata.resourceVersion, identityOf('IPPool', name));
}

async function disable(resources: Resources, name: string, options: CallOptions): Promise<IPPool> {
  for (;;) {
    const pool = await resources.get('IPPool', name, undefined, options);
    if (pool.spec.disabled === true) return pool;
    try {
      const disabled = await resources.update({ ...pool, spec: { ...pool.spec, disabled: true } }, options);
      await delay(settleMs, undefined, options.signal === undefined ? {} : { signal: options.signal });
      return disabled;
    } catch (error) {
      if (!isDatastoreError(error, 'conflict')) throw error;
    }
  }
}
