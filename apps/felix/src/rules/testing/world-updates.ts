/** A random world as the store's updates, and what a reference needs to know of them. */
import { decodeResource, parseResourceKey, type Resource, type SpecOf } from '@calico-node/model';
import type { ServiceEndpoint } from '@calico-node/policy';
import type { CalcGraph, StoreUpdate } from '../../calc/calc-graph.ts';
import { convertEndpointSlice } from '../../calc/convert/endpoint-slice.ts';
import { namedPortProtocols } from '../../calc/ip-set.ts';
import { stored, storedEndpoint } from '../../calc/testing/resources.ts';
import { present } from './random-rules.ts';
import type { RandomWorld } from './random-world.ts';

const slicePrefix = 'EndpointSlice ';

/** Gives the graph what `updatesOf` has made. */
export function feed(graph: CalcGraph, update: StoreUpdate): void {
  if (update.key.startsWith(slicePrefix)) graph.updateEndpointSlice(update);
  else graph.update(update);
}

/** Who serves each service, `<namespace>/<name>`, among the updates. */
export function serviceEndpointsOf(updates: readonly StoreUpdate[]): ReadonlyMap<string, readonly ServiceEndpoint[]> {
  const served = new Map<string, ServiceEndpoint[]>();
  for (const { key, value } of updates) {
    const slice = key.startsWith(slicePrefix) && value !== undefined ? convertEndpointSlice(value) : undefined;
    if (slice === undefined) continue;
    const ports = slice.ports.map(({ protocol, port }) => ({ protocol: namedPortProtocols[protocol], port }));
    const known = served.get(slice.service) ?? [];
    served.set(slice.service, [...known, ...slice.addresses.map((ip) => ({ ip, ports }))]);
  }
  return served;
}

/** The resources that the updates store. */
export function resourcesOf(updates: readonly StoreUpdate[]): readonly Resource[] {
  return updates.flatMap(({ key, value, revision }) => {
    const parsed = parseResourceKey(key);
    return parsed === undefined || value === undefined ? [] : [decodeResource(parsed.kind, value, revision)];
  });
}

/** What the store holds, and the slices of services, for `feed`. Every endpoint has the profile of its namespace, behind its others. */
export function updatesOf(world: RandomWorld): readonly StoreUpdate[] {
  return [
    ...world.tiers.map(({ name, ...spec }) => stored('Tier', { name }, present(spec) as SpecOf<'Tier'>)),
    ...Object.entries(world.profiles).map(([name, spec]) => stored('Profile', { name }, spec)),
    ...policyUpdates(world),
    ...world.networkSets.map(({ namespace, labels: own, nets: held }, index) => {
      const name = `set${index}`;
      return namespace === undefined
        ? stored('GlobalNetworkSet', { name, labels: own }, { nets: [...held] })
        : stored('NetworkSet', { name, namespace, labels: own }, { nets: [...held] });
    }),
    ...(world.serviceCidrs.length === 0
      ? []
      : [
          stored(
            'BGPConfiguration',
            { name: 'default' },
            { serviceClusterIPs: world.serviceCidrs.map((cidr) => ({ cidr })) },
          ),
        ]),
    ...world.slices.map(sliceUpdate),
    ...world.hostEndpoints.map(({ name, labels: own, node = 'node1', ...spec }) =>
      stored('HostEndpoint', { name, labels: own }, present({ node, ...spec }) as unknown as SpecOf<'HostEndpoint'>),
    ),
    ...world.endpoints.map(endpointUpdate),
  ];
}

function policyUpdates({ policies, staged }: RandomWorld): readonly StoreUpdate[] {
  return [
    ...policies.map(({ name, namespace, spec }) =>
      namespace === undefined
        ? stored('GlobalNetworkPolicy', { name }, spec)
        : stored('NetworkPolicy', { name, namespace }, spec),
    ),
    ...staged.map(({ kind, name, spec }) =>
      kind === 'StagedGlobalNetworkPolicy'
        ? stored(kind, { name }, spec as SpecOf<typeof kind>)
        : stored(kind, { name, namespace: 'default' }, spec as SpecOf<typeof kind>),
    ),
  ];
}

function sliceUpdate({ service, hosts, ports }: RandomWorld['slices'][number], index: number): StoreUpdate {
  const [namespace = '', name = ''] = service.split('/');
  const slice = {
    metadata: { namespace, labels: { 'kubernetes.io/service-name': name } },
    endpoints: hosts.map((n) => ({ addresses: [`10.0.0.${n}`, `fd00::${n}`] })),
    ports,
  };
  return { key: `${slicePrefix}${index}`, value: JSON.stringify(slice), revision: 1n };
}

function endpointUpdate({
  index,
  namespace,
  labels,
  profiles,
  serviceAccountName,
  ports,
  ipNetworks,
}: RandomWorld['endpoints'][number]): StoreUpdate {
  return storedEndpoint({
    workload: String(index),
    namespace,
    node: index < 3 ? 'node1' : 'node2',
    labels,
    spec: {
      interfaceName: `cali${index}`,
      ipNetworks: [...ipNetworks],
      profiles: namespace === 'default' ? [...profiles, 'kns.default'] : [...profiles],
      serviceAccountName,
      ports: ports.map((fields) => ({ ...fields, hostPort: 0, hostIP: '' })),
    },
  });
}
