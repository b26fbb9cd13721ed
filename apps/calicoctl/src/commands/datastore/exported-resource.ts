import type { FelixConfiguration, Node, Resource } from '@calico-node/model';

/** From the name that a node has to the one that it gets. */
export type NodeNames = ReadonlyMap<string, string>;

/** The policies that Kubernetes' own are stored as; Kubernetes has them already. */
const KUBERNETES_POLICY_PREFIX = 'knp.default.';

/** Whether a resource is Calico's own and belongs into an export. */
export function isExported({ kind, metadata }: Resource): boolean {
  return kind !== 'NetworkPolicy' || !metadata.name.startsWith(KUBERNETES_POLICY_PREFIX);
}

/**
 * The names that the nodes have in Kubernetes.
 * @throws RangeError for a node that is not in Kubernetes.
 */
export function kubernetesNames(nodes: readonly Node[]): NodeNames {
  return new Map(
    nodes.map(({ metadata, spec }) => {
      const name = spec.orchRefs?.findLast(({ orchestrator }) => orchestrator === 'k8s')?.nodeName ?? '';
      if (name !== '') return [metadata.name, name];
      throw new RangeError(
        `node ${metadata.name} missing a 'k8s' orchestrator reference. Unable to export data unless every node has a 'k8s' orchestrator reference`,
      );
    }),
  );
}

/** The resource without what the store gave it, for nodes under other names. */
export function exportedResource(resource: Resource, names: NodeNames): Resource {
  const {
    uid: _uid,
    resourceVersion: _revision,
    creationTimestamp: _created,
    deletionTimestamp: _deletion,
    deletionGracePeriodSeconds: _grace,
    ...metadata
  } = resource.metadata;
  switch (resource.kind) {
    case 'Node':
      return { ...resource, metadata: { ...metadata, name: names.get(metadata.name) ?? metadata.name } };
    case 'BGPConfiguration':
      return { ...resource, metadata: { ...metadata, name: renamedConfiguration(metadata.name, names) } };
    case 'FelixConfiguration': {
      const name = renamedConfiguration(metadata.name, names);
      return { ...resource, metadata: { ...metadata, name }, spec: withTitleCase(resource.spec) };
    }
    default:
      return { ...resource, metadata };
  }
}

/** `node.<name>` holds for one node. */
function renamedConfiguration(name: string, names: NodeNames): string {
  const node = name.startsWith('node.') ? names.get(name.slice('node.'.length)) : undefined;
  return node === undefined ? name : `node.${node}`;
}

const ACTIONS = [
  'defaultEndpointToHostAction',
  'iptablesFilterAllowAction',
  'iptablesMangleAllowAction',
  'iptablesFilterDenyAction',
] as const;

/** Releases long ago took these actions in any case; the CRDs do not. */
function withTitleCase(spec: FelixConfiguration['spec']): FelixConfiguration['spec'] {
  const changed = ACTIONS.flatMap((field) => {
    const value = spec[field];
    return value === undefined || value === '' ? [] : [[field, titleCase(value)] as const];
  });
  return { ...spec, ...Object.fromEntries(changed) };
}

function titleCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();
}
