import type { WorkloadEndpoint } from '@calico-node/model';
import { attachedTo, standaloneOrchestrator } from '@calico-node/workload';
import type { Io } from '../../io.ts';
import { tabTable } from '../../output/tab-table.ts';
import { withSession, type DatastoreOptions } from '../../session.ts';

const headings = ['NAMESPACE', 'NAME', 'NODE', 'ENDPOINT', 'INTERFACE', 'ADDRESSES', 'PROFILES', 'ATTACHED TO'];

/** `calicoctl workload list`: what `workload add` attached, wherever. */
export async function workloadList(options: DatastoreOptions, io: Io): Promise<void> {
  const { items } = await withSession(options, io, ({ resources }) => resources.list('WorkloadEndpoint'), {
    isReadOnly: true,
  });
  const rows = items.filter(({ spec }) => spec.orchestrator === standaloneOrchestrator).map(rowOf);
  io.out(tabTable(headings, rows));
}

function rowOf(endpoint: WorkloadEndpoint): readonly string[] {
  const { metadata, spec } = endpoint;
  return [
    metadata.namespace ?? '',
    spec.workload ?? '',
    spec.node ?? '',
    spec.endpoint ?? '',
    spec.interfaceName ?? '',
    (spec.ipNetworks ?? []).map((network) => network.split('/', 1)[0] ?? '').join(','),
    (spec.profiles ?? []).join(','),
    attachedTo(endpoint),
  ];
}
