import { parseInterfaceAddress, type Asn, type Family, type IpAddress, type NodeName } from '@calico-node/net';
import type { Node } from '@calico-node/model';

/** What start-up decided about one address of the node. */
export type AddressDecision =
  /** Leave what is stored. */
  | { readonly kind: 'keep' }
  /** `address` is `ip/prefixLength`. */
  | { readonly kind: 'set'; readonly address: string; readonly isDetected: boolean };

export interface NodeFacts {
  readonly name: NodeName;
  readonly ipv4: AddressDecision;
  readonly ipv6: AddressDecision;
  readonly asNumber: Asn | undefined;
  readonly kubernetesNodeRef: string;
  /** Over the stored ones; others are kept. */
  readonly labels: Readonly<Record<string, string>>;
}

type BgpSpec = NonNullable<Node['spec']['bgp']>;

function desiredBgp(stored: BgpSpec | undefined, facts: NodeFacts): BgpSpec | undefined {
  const bgp: BgpSpec = {
    ...stored,
    ...(facts.ipv4.kind === 'set' ? { ipv4Address: facts.ipv4.address } : {}),
    ...(facts.ipv6.kind === 'set' ? { ipv6Address: facts.ipv6.address } : {}),
    ...(facts.asNumber === undefined ? {} : { asNumber: facts.asNumber }),
  };
  return Object.keys(bgp).length === 0 ? undefined : bgp;
}

/** The Node as it should be stored, given what is stored. Fields that start-up does not decide are kept. */
export function desiredNode(stored: Node | undefined, facts: NodeFacts): Node {
  const bgp = desiredBgp(stored?.spec.bgp, facts);
  const orchRefs = stored?.spec.orchRefs ?? [];
  const hasRef = orchRefs.some((ref) => ref.orchestrator === 'k8s' && ref.nodeName === facts.kubernetesNodeRef);
  const refs =
    facts.kubernetesNodeRef === '' || hasRef
      ? orchRefs
      : [...orchRefs, { nodeName: facts.kubernetesNodeRef, orchestrator: 'k8s' }];
  const labels = { ...stored?.metadata.labels, ...facts.labels };
  const hasLabels = Object.keys(facts.labels).length > 0;
  return {
    kind: 'Node',
    apiVersion: 'projectcalico.org/v3',
    ...stored,
    metadata: { ...stored?.metadata, name: facts.name, ...(hasLabels ? { labels } : {}) },
    spec: {
      ...stored?.spec,
      ...(bgp === undefined ? {} : { bgp }),
      ...(refs.length === 0 ? {} : { orchRefs: refs }),
    },
  };
}

/** A node's stored address of a family; undefined when it has none or an unreadable one. */
export function storedAddress(node: Node | undefined, family: Family): IpAddress | undefined {
  const text = family === 4 ? node?.spec.bgp?.ipv4Address : node?.spec.bgp?.ipv6Address;
  if (text === undefined || text === '') return undefined;
  try {
    return parseInterfaceAddress(text.includes('/') ? text : `${text}/${family === 4 ? 32 : 128}`).ip;
  } catch {
    return undefined;
  }
}

export interface Conflict {
  readonly family: Family;
  readonly ip: IpAddress;
  readonly otherNode: string;
}

/** The other nodes that claim an address of this one. */
export function findConflicts(node: Node, all: readonly Node[]): readonly Conflict[] {
  return ([4, 6] as const).flatMap((family) => {
    const ip = storedAddress(node, family);
    if (ip === undefined) return [];
    return all
      .filter((other) => other.metadata.name !== node.metadata.name && storedAddress(other, family) === ip)
      .map((other) => ({ family, ip, otherNode: other.metadata.name }));
  });
}
