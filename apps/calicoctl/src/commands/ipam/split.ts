import { randomUUID } from 'node:crypto';
import { isDatastoreError, type Backend, type Resources } from '@calico-node/datastore';
import {
  encodeResource,
  formatTime,
  parseResource,
  resourceKey,
  ValidationError,
  type IPPool,
} from '@calico-node/model';
import { parseCidrLoose } from '@calico-node/net';
import { describeError } from '../../describe-error.ts';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';
import { readCluster } from './cluster.ts';
import { splitNetwork, splitPoolName } from './split-cidr.ts';

export interface IpamSplitOptions extends DatastoreOptions {
  readonly number: string;
  readonly cidr?: string;
  readonly name?: string;
}

/** A split into more pools than this is taken for a mistake. */
const MAX_PARTS = 65536;

/**
 * `calicoctl ipam split`: pools of equal size in place of one. Blocks, and so the addresses in use, stay as they
 * are and belong to the new pools. A split that was interrupted is completed by running it again.
 */
export async function ipamSplit(options: IpamSplitOptions, io: Io): Promise<void> {
  const parts = numberOf(options.number);
  if (options.cidr === undefined && options.name === undefined) {
    throw new CommandError('no name or CIDR provided. Provide a name or CIDR to denote the IP pool to split');
  }
  const { name, created } = await withSession(options, io, async ({ backend, resources }) => {
    if (!(await readCluster(resources)).isLocked) {
      throw new CommandError(
        'datastore is not locked. Run the `calicoctl datastore migrate lock` command in order split the IP pools',
      );
    }
    const old = await findPool(resources, options);
    return { name: old.metadata.name, created: await split(backend, resources, old, parts, io) };
  });
  io.out(`IP Pool ${name} was successfully split into ${parts} smaller pools.\n`);
  for (const { metadata, spec } of created) io.out(`Created ${metadata.name} with CIDR ${spec.cidr}.\n`);
  io.out('Please refer to the documentation for final steps.\n');
}

function numberOf(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(number) || number > MAX_PARTS) {
    throw new CommandError(
      `error reading number to split IP pools into. ${text} is not a valid number: it must be at most ${MAX_PARTS}`,
    );
  }
  return number;
}

async function findPool(resources: Resources, { name, cidr }: IpamSplitOptions): Promise<IPPool> {
  if (name !== undefined) {
    try {
      return await resources.get('IPPool', name);
    } catch (error) {
      if (!isDatastoreError(error, 'not-found')) throw error;
      throw new CommandError(`unable to find IP pool with name ${name}: ${describeError(error)}`, { cause: error });
    }
  }
  const pool = (await resources.list('IPPool')).items.find(({ spec }) => spec.cidr === cidr);
  if (pool !== undefined) return pool;
  throw new CommandError(`unable to find IP pool covering the specified CIDR ${cidr ?? ''}`);
}

/** Everything is computed and checked before the first write. */
async function split(
  backend: Backend,
  resources: Resources,
  old: IPPool,
  parts: number,
  io: Io,
): Promise<readonly IPPool[]> {
  const wanted = partsOf(old, parts, formatTime(io.now().getTime()));
  const disabled = await resources.update({ ...old, spec: { ...old.spec, disabled: true } });
  for (const pool of wanted) await createUnlessThere(backend, resources, pool);
  const { name, resourceVersion } = disabled.metadata;
  // Not Resources.delete, which would take the blocks from their nodes.
  await backend.delete(resourceKey('IPPool', name), BigInt(resourceVersion ?? ''));
  return wanted;
}

function partsOf(old: IPPool, parts: number, now: string): readonly IPPool[] {
  try {
    return splitNetwork(parseCidrLoose(old.spec.cidr), parts).map((cidr, index) => {
      const { labels, annotations } = old.metadata;
      const pool = parseResource({
        kind: 'IPPool',
        apiVersion: old.apiVersion,
        metadata: {
          name: splitPoolName(old.metadata.name, index),
          uid: randomUUID(),
          creationTimestamp: now,
          ...(labels === undefined ? {} : { labels }),
          ...(annotations === undefined ? {} : { annotations }),
        },
        spec: { ...old.spec, cidr, disabled: false },
      });
      return pool as IPPool; // its kind is given above
    });
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof ValidationError)) throw error;
    throw new CommandError(`error splitting the CIDR ${old.spec.cidr} into ${parts} CIDRs: ${describeError(error)}`, {
      cause: error,
    });
  }
}

/** Not Resources.create, which refuses a pool that overlaps the one being split. */
async function createUnlessThere(backend: Backend, resources: Resources, pool: IPPool): Promise<void> {
  const { name } = pool.metadata;
  try {
    await backend.create(resourceKey('IPPool', name), encodeResource(pool));
  } catch (error) {
    if (!isDatastoreError(error, 'already-exists')) throw error;
    const existing = await resources.get('IPPool', name);
    if (existing.spec.cidr === pool.spec.cidr) return;
    throw new CommandError(`IP pool ${name} exists already, with the CIDR ${existing.spec.cidr}`, { cause: error });
  }
}
