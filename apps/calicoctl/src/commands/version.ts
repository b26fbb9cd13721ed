import { CALICO_VERSION, isDatastoreError, type Resources } from '@calico-node/datastore';
import { parseGoDuration } from '@calico-node/model';
import { sleep, VERSION } from '@calico-node/service';
import { describeError } from '../describe-error.ts';
import { CommandError, type Io } from '../io.ts';
import { withSession, type DatastoreOptions } from '../session.ts';

export interface VersionOptions extends DatastoreOptions {
  readonly client?: boolean;
  /** How often to ask again, as a Go duration; 0 for never. */
  readonly poll?: string;
}

/** `calicoctl version`: the Calico release that we are compatible with, our own, and the cluster's. */
export async function version(options: VersionOptions, io: Io): Promise<void> {
  const pollMs = parsePoll(options.poll ?? '0');
  io.out(`Client Version:    ${CALICO_VERSION}\nRelease:           calico-node ${VERSION}\n`);
  if (options.client === true) return;
  await withSession(options, io, ({ resources }) => showCluster(resources, pollMs, io), { checksVersion: false });
}

/** @throws CommandError */
function parsePoll(text: string): number {
  const nanoseconds = parseGoDuration(text);
  if (nanoseconds === undefined) throw new CommandError(`invalid poll duration specified: ${text}`);
  return Number(nanoseconds / 1_000_000n);
}

/** Prints what the cluster has: once, or what of it is new, again and again until interrupted. */
async function showCluster(resources: Resources, pollMs: number, io: Io): Promise<void> {
  if (pollMs === 0) {
    io.out((await clusterLines(resources)).join(''));
    return;
  }
  const stop = io.interrupted();
  let shown: readonly string[] = [];
  while (!stop.aborted) {
    try {
      const lines = await clusterLines(resources);
      io.out(lines.filter((line) => !shown.includes(line)).join(''));
      shown = lines;
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      io.err(`${error.message}\n`);
      shown = []; // so that all is shown when it can be told again
    }
    await sleep(pollMs, stop);
  }
}

/** @throws CommandError */
async function clusterLines(resources: Resources): Promise<readonly string[]> {
  try {
    const { spec } = await resources.get('ClusterInformation', 'default');
    return linesOf(spec);
  } catch (error) {
    if (isDatastoreError(error, 'not-found')) return linesOf({});
    throw new CommandError(`unable to retrieve Cluster Version or Type: ${describeError(error)}`, { cause: error });
  }
}

interface Cluster {
  readonly calicoVersion?: string | undefined;
  readonly clusterType?: string | undefined;
}

function linesOf({ calicoVersion, clusterType }: Cluster): readonly string[] {
  return [`Cluster Version:   ${known(calicoVersion)}\n`, `Cluster Type:      ${known(clusterType)}\n`];
}

function known(text: string | undefined): string {
  return text === undefined || text === '' ? 'unknown' : text;
}
