import { CommandError, type Io } from '../../io.ts';
import { withLocalNode, type WorkloadOptions } from './node.ts';

const limitMs = 60_000;

/** `calicoctl workload delete`: also what an interrupted add or delete left. */
export async function workloadDelete(options: WorkloadOptions, io: Io): Promise<void> {
  await withLocalNode(options, io, async ({ id, prefixes, workloads }) => {
    const name = `${id.namespace}/${id.name}`;
    const wasThere = await workloads.detach(id, prefixes, AbortSignal.timeout(limitMs));
    if (!wasThere)
      throw new CommandError(`no workload ${name} with an interface ${id.endpoint} is attached on ${id.node}`);
    io.out(`Detached ${name} on ${id.node}\n`);
  });
}
