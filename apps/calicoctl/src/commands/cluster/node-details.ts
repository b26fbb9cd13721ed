import type { Backend } from '@calico-node/datastore';
import {
  affinityPrefix,
  felixLastStatusKey,
  felixStatusKey,
  hostEndpointStatusPrefix,
  parseAffinityKey,
  parseWorkloadEndpointName,
  workloadEndpointStatusPrefix,
  type Resource,
  type WorkloadEndpoint,
} from '@calico-node/model';

/** What the datastore knows of one node, as lines for a person. */
export async function nodeDetails(
  backend: Backend,
  node: string,
  endpoints: readonly WorkloadEndpoint[],
  statuses: readonly Resource<'CalicoNodeStatus'>[],
): Promise<string> {
  const [active, last, workloads, hostEndpoints, affinities] = await Promise.all([
    backend.get(felixStatusKey(node)),
    backend.get(felixLastStatusKey(node)),
    backend.list(workloadEndpointStatusPrefix(node)),
    backend.list(hostEndpointStatusPrefix(node)),
    backend.list(affinityPrefix('host', node)),
  ]);
  const own = endpoints.filter(({ metadata }) => parseWorkloadEndpointName(metadata.name)?.node === node);
  const reports = statuses.filter(({ spec }) => spec.node === node);
  const section = (title: string, lines: readonly string[]): readonly string[] => [
    `${title}:`,
    ...(lines.length === 0 ? ['  (none)'] : lines.map((line) => `  ${line}`)),
  ];
  return `${[
    `Node ${node}`,
    ...section('Felix alive', active === undefined ? ['no: it has not reported lately'] : [active.value]),
    ...section('Felix last reported', last === undefined ? [] : [last.value]),
    ...section(
      'Blocks',
      affinities.items.flatMap(({ key, value }) => {
        const affinity = parseAffinityKey(key);
        return affinity === undefined ? [] : [`${affinity.cidr} ${value}`];
      }),
    ),
    ...section(
      'Workload endpoints',
      own.map(
        ({ metadata, spec }) => `${metadata.namespace ?? ''}/${metadata.name} ${(spec.ipNetworks ?? []).join(',')}`,
      ),
    ),
    ...section(
      'Workload endpoint status',
      workloads.items.map(({ key, value }) => `${key.slice(workloadEndpointStatusPrefix(node).length)} ${value}`),
    ),
    ...section(
      'Host endpoint status',
      hostEndpoints.items.map(({ key, value }) => `${key.slice(hostEndpointStatusPrefix(node).length)} ${value}`),
    ),
    ...section(
      'Status reports (CalicoNodeStatus)',
      reports.map(({ metadata, status }) => `${metadata.name} ${JSON.stringify(status ?? {})}`),
    ),
  ].join('\n')}\n`;
}
