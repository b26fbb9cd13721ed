/** Builders of store updates for tests, with defaults for what a test is not about. */
import {
  blockKey,
  encodeBlock,
  encodeResource,
  resourceKey,
  workloadEndpointName,
  type Kind,
  type Resource,
  type SpecOf,
} from '@calico-node/model';
import { parseCidr } from '@calico-node/net';
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

export interface BlockSettings {
  readonly cidr: string;
  /** The host that the block is affine to. */
  readonly affinity: string | null;
  /** The hosts that hold its first addresses; undefined where nobody does. */
  readonly holders?: readonly (string | undefined)[];
}

/** An allocation block, with as many addresses as its holders need. */
export function storedBlock({ cidr, affinity, holders = [] }: BlockSettings, revision = 1n): StoreUpdate {
  const block = {
    cidr: parseCidr(cidr),
    affinity: affinity === null ? null : `host:${affinity}`,
    affinity_claim_time: undefined,
    allocations: holders.map((holder, index) => (holder === undefined ? null : index)),
    unallocated: [],
    attributes: holders.map((node) => ({ handle_id: 'h', secondary: node === undefined ? {} : { node } })),
    sequenceNumber: 0n,
    sequenceNumberForAllocation: {},
    deleted: false,
  };
  return { key: blockKey(block.cidr), value: encodeBlock(block), revision };
}
