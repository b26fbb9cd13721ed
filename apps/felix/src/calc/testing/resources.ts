/** Builders of store updates for tests, with defaults for what a test is not about. */
import {
  encodeResource,
  resourceKey,
  workloadEndpointName,
  type Kind,
  type Resource,
  type SpecOf,
} from '@calico-node/model';
import type { StoreUpdate } from '../calc-graph.ts';

export interface Meta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The update that stores the resource. */
export function stored<K extends Kind>(kind: K, meta: Meta, spec: SpecOf<K>, revision = 1n): StoreUpdate {
  const resource = { kind, apiVersion: 'projectcalico.org/v3', metadata: { ...meta }, spec } as unknown as Resource<K>;
  return { key: resourceKey(kind, meta.name, meta.namespace), value: encodeResource(resource), revision };
}

/** The update that deletes what `update` stored. */
export function deleted({ key, revision }: StoreUpdate): StoreUpdate {
  return { key, value: undefined, revision: revision + 1n };
}

export interface EndpointSettings {
  readonly node?: string;
  readonly workload: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<SpecOf<'WorkloadEndpoint'>>;
}

/** A workload endpoint on `node1` in namespace `default`, with interface `cali<workload>`. */
export function storedEndpoint(settings: EndpointSettings, revision = 1n): StoreUpdate {
  const { node = 'node1', workload, namespace = 'default', labels = {}, spec = {} } = settings;
  const identity = { node, orchestrator: 'k8s', pod: workload, endpoint: 'eth0' };
  return stored(
    'WorkloadEndpoint',
    {
      name: workloadEndpointName(identity),
      namespace,
      labels: { ...labels, 'projectcalico.org/namespace': namespace, 'projectcalico.org/orchestrator': 'k8s' },
    },
    { ...identity, interfaceName: `cali${workload}`, ipNetworks: ['10.0.0.1/32'], ...spec },
    revision,
  );
}
