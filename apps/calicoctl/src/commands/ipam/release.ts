import { readFile } from 'node:fs/promises';
import { CALICO_VERSION, isDatastoreError, type Backend } from '@calico-node/datastore';
import { Ipam, isIpamError, type Release } from '@calico-node/ipam';
import { blockPrefix, handleKey, parseBlockKey } from '@calico-node/model';
import { PrefixTrie } from '@calico-node/net';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions, type Session } from '../../session.ts';
import { addressArgument } from './address-argument.ts';
import { readCluster } from './cluster.ts';
import { commonLeaks, guardReports } from './merge-reports.ts';
import { parseReport, type HandleInfo, type Report } from './report.ts';

export interface IpamReleaseOptions extends DatastoreOptions {
  readonly ip?: string;
  readonly fromReport?: readonly string[];
  readonly force?: boolean;
}

/** `calicoctl ipam release`: one address, whoever holds it, or what reports say is leaked. */
export async function ipamRelease(options: IpamReleaseOptions, io: Io): Promise<void> {
  const { fromReport: files = [] } = options;
  if (files.length > 0) {
    const reports = await Promise.all(files.map(readReport));
    await withSession(options, io, (session) => releaseLeaks(session, reports, options.force === true, io));
    io.out('You may now unlock the data store.\n');
    return;
  }
  if (options.ip === undefined) throw new CommandError('give an address with --ip, or a report with --from-report');
  const ip = addressArgument(options.ip);
  const unassigned = await withSession(options, io, ({ backend }) => new Ipam(backend).releaseIps([{ ip }]));
  if (unassigned.length > 0) throw new CommandError(`IP address ${ip} is not assigned`);
  io.out(`Successfully released IP address ${ip}\n`);
}

async function readReport(file: string): Promise<Report & { readonly file: string }> {
  try {
    return { ...parseReport(await readFile(file, 'utf8')), file };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CommandError(`the report ${file} can't be read: ${message}`, { cause: error });
  }
}

async function releaseLeaks(
  { backend, resources }: Session,
  reports: readonly (Report & { readonly file: string })[],
  force: boolean,
  io: Io,
): Promise<void> {
  const cluster = await readCluster(resources);
  const guard = guardReports(reports, { ...cluster, version: CALICO_VERSION }, force);
  if ('refusal' in guard) throw new CommandError(guard.refusal);
  for (const warning of guard.warnings) io.out(`${warning}\n`);
  const { allocations, handles } = commonLeaks(reports);
  if (allocations.length === 0) {
    io.out("Report didn't contain any leaked IPs to clean up.\n");
  } else {
    const releases = allocations.map(({ ip, handle, sequenceNumber }) => ({ ip, handleId: handle, sequenceNumber }));
    await releaseAddresses(backend, releases, io);
  }
  if (handles.length === 0) io.out("Report didn't contain any handles to clean up.\n");
  else await deleteHandles(backend, handles, io);
}

/** Block by block; where an address has another owner by now, the rest of its block is released one by one. */
async function releaseAddresses(backend: Backend, releases: readonly Release[], io: Io): Promise<void> {
  io.out(`Releasing ${releases.length} old IPs...\n`);
  const ipam = new Ipam(backend);
  let cleanedUp = 0;
  let changed = 0;
  for (const group of (await byBlock(backend, releases)).values()) {
    try {
      cleanedUp += (await ipam.releaseIps(group)).length;
    } catch (error) {
      if (!isIpamError(error, 'bad-handle', 'bad-sequence-number')) throw error;
      for (const release of group) {
        const outcome = await releaseOne(ipam, release);
        if (outcome === 'changed') changed += 1;
        else if (outcome === 'unassigned') cleanedUp += 1;
      }
    }
  }
  if (changed > 0) {
    io.out(
      `${changed} addresses were given to another owner since the report and stay. Problems are often caused by an out-of-date IPAM report. Try regenerating the IPAM report and retry.\n`,
    );
  }
  io.out(`Released ${releases.length - cleanedUp - changed} IPs successfully\n`);
  if (cleanedUp > 0) {
    io.out(`${cleanedUp} addresses marked as leaked in the report had already been cleaned up.\n`);
  }
}

async function releaseOne(ipam: Ipam, release: Release): Promise<'released' | 'unassigned' | 'changed'> {
  try {
    return (await ipam.releaseIps([release])).length === 0 ? 'released' : 'unassigned';
  } catch (error) {
    if (isIpamError(error, 'bad-handle', 'bad-sequence-number')) return 'changed';
    throw error;
  }
}

async function byBlock(backend: Backend, releases: readonly Release[]): Promise<Map<string, Release[]>> {
  const blocks = new PrefixTrie<true>();
  for (const { key } of (await backend.list(blockPrefix())).items) {
    const cidr = parseBlockKey(key);
    if (cidr !== undefined) blocks.set(cidr, true);
  }
  return Map.groupBy(releases, ({ ip }) => blocks.lookup(ip)?.cidr ?? ip);
}

/** Deletes handles that are still as the report saw them. */
async function deleteHandles(backend: Backend, handles: readonly HandleInfo[], io: Io): Promise<void> {
  io.out(`Deleting ${handles.length} handles...\n`);
  io.out("Key: '.' = Deleted OK; 'x' = skip, handle missing/changed.\n");
  let deleted = 0;
  let skipped = 0;
  for (const { id, revision } of handles) {
    try {
      await backend.delete(handleKey(id), BigInt(revision));
      deleted += 1;
      io.out('.');
    } catch (error) {
      if (!isDatastoreError(error, 'not-found', 'conflict')) throw error;
      skipped += 1;
      io.out('x');
    }
  }
  io.out(`\nReleased ${deleted} handles; ${skipped} skipped; 0 errors.\n`);
}
