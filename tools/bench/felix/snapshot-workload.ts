import {
  encodeResource,
  resourceKey,
  workloadEndpointName,
  type Kind,
  type Resource,
  type SpecOf,
} from '../../../libs/model/src/index.ts';
import type { StoreUpdate } from '../../../apps/felix/src/calc/calc-graph.ts';

export const host = 'node1';

const namespaces = 100;
const rulesPerPolicy = 5;

/** As many labels as the workload that Felix publishes figures of has, of names such as people give. */
const markers = [
  ...['FOO_BAR', 'BIFF_BOP', 'MyMarkerLabel'],
  ...['FizzBuzz', 'BoffBip', 'Bazzle', 'Razzle', 'DoopDeeDoo', 'SOME_LABEL', 'BORED_NOW'].map(
    (name) => `calico/${name}`,
  ),
].flatMap((name) => ['', 'x', 'yx'].map((prefix) => `${prefix}${name}`));

const marker = (index: number): string => markers[index % markers.length] ?? '';

function stored<K extends Kind>(
  kind: K,
  name: string,
  spec: SpecOf<K>,
  more: object = {},
  namespace?: string,
): StoreUpdate {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }), ...more };
  // Made of a name and a spec of the kind: what the encoder needs.
  const resource = { kind, apiVersion: 'projectcalico.org/v3', metadata, spec } as unknown as Resource<K>;
  return { key: received(resourceKey(kind, name, namespace)), value: received(encodeResource(resource)), revision: 1n };
}

/** A string as it is after it has come over a connection: in one piece. */
function received(text: string): string {
  return Buffer.from(text).toString();
}

/** Policies that each select one label, with rules that each allow what has one label. */
export function* policies(count: number): Generator<StoreUpdate> {
  for (let index = 0; index < count; index++) {
    const ingress = Array.from({ length: rulesPerPolicy }, (_, rule) => ({
      action: 'Allow' as const,
      source: { selector: `has(${marker(index + rule)})` },
    }));
    const spec = { tier: 'default', selector: `has(${marker(index)})`, types: ['Ingress' as const], ingress };
    yield stored('GlobalNetworkPolicy', `tag-pol-${index}`, spec);
  }
}

export function* profiles(): Generator<StoreUpdate> {
  for (let index = 0; index < namespaces; index++) {
    const name = `namespace-${index}`;
    yield stored('Profile', `kns.${name}`, { labelsToApply: { 'pcns.projectcalico.org/name': name } });
  }
}

/** Workload endpoints of a node, each with five labels that many share and one that a policy asks for. */
export function* endpoints(count: number, node: string, firstAddress: number): Generator<StoreUpdate> {
  for (let index = 0; index < count; index++) {
    const shared = [10, 11, 20, 30, 40].map((each) => [`one-in-${each}`, `value-${index % each}`] as const);
    const shown: Readonly<Record<string, string>> = Object.fromEntries(shared);
    const namespace = `namespace-${index % namespaces}`;
    const identity = { node, orchestrator: 'k8s', pod: `wep-${index}`, endpoint: 'eth0' };
    const address = firstAddress + index;
    const ip = [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join('.');
    yield stored(
      'WorkloadEndpoint',
      workloadEndpointName(identity),
      {
        ...identity,
        interfaceName: `cali${index}`,
        ipNetworks: [`${ip}/32`],
        profiles: [`kns.${namespace}`],
      },
      { labels: { ...shown, [marker(index)]: 'true', 'projectcalico.org/namespace': namespace } },
      namespace,
    );
  }
}
