import { writeFile } from 'node:fs/promises';
import { CALICO_VERSION } from '@calico-node/datastore';
import { blockProblem, checkConsistency } from '@calico-node/ipam';
import { blockKey, handlePrefix, parseHandleKey } from '@calico-node/model';
import { CommandError, type Io } from '../../io.ts';
import { withSession, type DatastoreOptions, type Session } from '../../session.ts';
import { readSoundBlocks } from './blocks.ts';
import { checkText, type CheckTextInputs } from './check-text.ts';
import { readCluster } from './cluster.ts';
import { readLoadBalancers } from './load-balancers.ts';
import { renderReport } from './report.ts';

export interface IpamCheckOptions extends DatastoreOptions {
  readonly showAllIps?: boolean;
  readonly showProblemIps?: boolean;
  readonly output?: string;
  readonly kubeconfig?: string;
}

/** `calicoctl ipam check`: reports problems and changes nothing; finding some is no failure. */
export async function ipamCheck(options: IpamCheckOptions, io: Io): Promise<void> {
  io.out('Checking IPAM for inconsistencies...\n\n');
  const { text, report } = await withSession(options, io, (session) => examine(session, options, io));
  io.out(text);
  if (options.output === undefined) return;
  try {
    await writeFile(options.output, report);
  } catch (error) {
    throw new CommandError(
      `the report could not be written: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
}

async function examine(
  { backend, resources }: Session,
  options: IpamCheckOptions,
  io: Io,
): Promise<{ readonly text: string; readonly report: string }> {
  const cluster = await readCluster(resources);
  // What uses addresses is read after what gives them, so that a workload that starts meanwhile has both or
  // its use only, and is not taken for a leak.
  const { blocks, unreadable } = await readSoundBlocks(backend);
  const handles = (await backend.list(handlePrefix)).items.flatMap(({ key, revision }) => {
    const id = parseHandleKey(key);
    return id === undefined ? [] : [{ id, revision: String(revision) }];
  });
  const [pools, nodes, endpoints, loadBalancers] = await Promise.all([
    resources.list('IPPool'),
    resources.list('Node'),
    resources.list('WorkloadEndpoint'),
    readLoadBalancers(resources, options.kubeconfig, io.env),
  ]);
  const result = checkConsistency({
    blocks,
    pools: pools.items,
    nodes: nodes.items,
    endpoints: endpoints.items,
    handleIds: handles.map(({ id }) => id),
    services: loadBalancers?.uses,
  });
  const now = io.now().getTime();
  const invalid: CheckTextInputs['invalid'] = [
    ...unreadable,
    ...blocks.flatMap((block) => {
      const problem = blockProblem(block, now);
      return problem === undefined ? [] : [{ key: blockKey(block.cidr), problem }];
    }),
  ];
  const leakedHandles = new Set(result.leakedHandles);
  return {
    text: checkText({
      blocks,
      pools: pools.items,
      result,
      loadBalancers,
      invalid,
      showsAll: options.showAllIps === true,
      showsProblems: options.showProblemIps === true,
    }),
    report: renderReport(
      { ...cluster, version: CALICO_VERSION },
      result.allocations,
      handles.filter(({ id }) => leakedHandles.has(id)),
    ),
  };
}
