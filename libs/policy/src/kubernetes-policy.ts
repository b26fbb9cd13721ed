/**
 * Kubernetes' NetworkPolicy as a policy of Calico's, as Calico converts it
 * (`libcalico-go/lib/backend/k8s/conversion`, `K8sNetworkPolicyToCalico`): in the tier `default`, with order 1000, for
 * Kubernetes' pods alone, and one rule for each protocol and peer.
 */
import { DEFAULT_TIER, type EntityRule, type Rule, type StagedKubernetesNetworkPolicy } from '@calico-node/model';
import type { StagedKubernetesPolicy } from './world.ts';

type Spec = StagedKubernetesNetworkPolicy['spec'];
type LabelSelector = Spec['podSelector'];
type IngressRule = NonNullable<Spec['ingress']>[number];
type Peer = NonNullable<IngressRule['from']>[number];
type Port = NonNullable<IngressRule['ports']>[number];

const KUBERNETES_ORDER = 1000;
const isPod = "projectcalico.org/orchestrator == 'k8s'";

/** What the staged policy would be if it were enforced. A policy that says no types is about ingress. */
export function kubernetesPolicyOf({
  kind,
  apiVersion,
  metadata,
  spec,
}: StagedKubernetesNetworkPolicy): StagedKubernetesPolicy {
  const { stagedAction, podSelector, ingress = [], egress = [], policyTypes = [] } = spec;
  return {
    kind,
    apiVersion,
    metadata,
    spec: {
      ...(stagedAction === undefined ? {} : { stagedAction }),
      tier: DEFAULT_TIER,
      order: KUBERNETES_ORDER,
      selector: podSelectorText(podSelector),
      types: policyTypes.length === 0 ? ['Ingress'] : policyTypes,
      ingress: ingress.flatMap(({ ports, from }) => rulesOf('source', from, ports)),
      egress: egress.flatMap(({ ports, to }) => rulesOf('destination', to, ports)),
    },
  };
}

function rulesOf(side: 'source' | 'destination', peers: readonly Peer[] = [], ports: readonly Port[] = []): Rule[] {
  const others = peers.length === 0 ? [{}] : peers.map(peerOf);
  const byProtocol = Map.groupBy(ports, ({ protocol = 'TCP' }) => protocol);
  const choices = byProtocol.size === 0 ? [{}] : [...byProtocol].sort(([a], [b]) => (a < b ? -1 : 1)).map(protocolOf);
  return choices.flatMap(({ protocol, ports: wanted = [] }: Choice) =>
    others.map((other): Rule => {
      const served = wanted.length === 0 ? {} : { ports: [...wanted] };
      const ends =
        side === 'source' ? { source: other, destination: served } : { destination: { ...other, ...served } };
      return { action: 'Allow', ...(protocol === undefined ? {} : { protocol }), ...ends };
    }),
  );
}

/** A protocol's ports; without any, all of them. */
interface Choice {
  readonly protocol?: string;
  readonly ports?: readonly (number | string)[];
}

function protocolOf([protocol, ports]: [string, readonly Port[]]): Choice {
  if (ports.some(({ port }) => port === undefined)) return { protocol };
  return {
    protocol,
    ports: ports.flatMap(({ port, endPort }) => {
      if (port === undefined) return [];
      return [endPort === undefined || endPort === port ? port : `${port}:${endPort}`];
    }),
  };
}

function peerOf({ ipBlock, podSelector, namespaceSelector }: Peer): EntityRule {
  if (ipBlock !== undefined) {
    const { cidr, except = [] } = ipBlock;
    return { nets: [cidr], ...(except.length === 0 ? {} : { notNets: [...except] }) };
  }
  const selector = podSelectorText(podSelector);
  if (namespaceSelector === undefined) return { selector };
  const terms = termsOf(namespaceSelector);
  return { selector, namespaceSelector: terms.length === 0 ? 'all()' : terms.join(' && ') };
}

function podSelectorText(selector: LabelSelector | undefined): string {
  return [isPod, ...termsOf(selector ?? {})].join(' && ');
}

function termsOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): readonly string[] {
  const listed = (values: readonly string[]): string => `{ ${values.map((value) => `'${value}'`).join(', ')} }`;
  return [
    ...Object.keys(matchLabels)
      .sort()
      .map((key) => `${key} == '${matchLabels[key] ?? ''}'`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      switch (operator) {
        case 'In':
          return `${key} in ${listed(values)}`;
        case 'NotIn':
          return `${key} not in ${listed(values)}`;
        case 'Exists':
          return `has(${key})`;
        case 'DoesNotExist':
          return `! has(${key})`;
      }
    }),
  ];
}
