import { cidrContains, parseCidr } from '@calico-node/net';
import { strictCidr } from '../checks/nets.ts';
import { endpointPortName, labelKey, labelValue, resourceName } from '../checks/names.ts';
import { goJsonStringify } from '../go/go-json.ts';
import { list, map } from '../schema/containers.ts';
import { int32, oneOf, text } from '../schema/scalars.ts';
import type { Infer, Schema } from '../schema/schema.ts';
import { always, optional, pointer, struct, type Report } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import { stagedAction, stagedDeletion } from './policy.ts';

/*
 * Kubernetes' NetworkPolicy (networking.k8s.io/v1) in a staged resource of Calico's.
 */

const requirement = struct(
  'LabelSelectorRequirement',
  {
    key: always(text(labelKey), { mandatory: true, description: 'The label.' }),
    operator: always(oneOf('In', 'NotIn', 'Exists', 'DoesNotExist'), {
      mandatory: true,
      description: 'How its value is compared.',
    }),
    values: optional(list(text(labelValue)), 'With what.'),
  },
  ({ operator, values = [] }, report) => {
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues && values.length === 0) report(['values'], values, `is required with operator ${operator}`);
    if (!takesValues && values.length > 0) report(['values'], values, `must be empty with operator ${operator}`);
  },
);

const labelSelector = struct('LabelSelector', {
  matchLabels: optional(map(text(labelValue), { key: labelKey }), 'Labels with these values.'),
  matchExpressions: optional(list(requirement), 'Further conditions; all must hold.'),
});

export type LabelSelector = Infer<typeof labelSelector>;

/** Kubernetes' IntOrString. */
const portNumberOrName: Schema<number | string> = {
  typeName: 'IntOrString',
  parse(input, place, context) {
    const isPort = typeof input === 'number' && Number.isInteger(input) && input >= 0 && input <= 65_535;
    if (isPort || typeof input === 'string') {
      const complaint =
        typeof input === 'string' ? endpointPortName(input) : input === 0 ? 'must be 1 to 65535' : undefined;
      if (context.mode.runsChecks && complaint !== undefined) context.report(place, input, complaint);
      return input;
    }
    return context.fail(place, input, 'must be a port number or name');
  },
  encode: goJsonStringify,
  isEmpty: () => false,
  isZero: (value) => value === 0,
  zero: () => 0,
};

const policyPort = struct(
  'NetworkPolicyPort',
  {
    protocol: pointer(oneOf('TCP', 'UDP', 'SCTP'), { unset: 'TCP', description: 'The protocol.' }),
    port: pointer(portNumberOrName, "The port's number or name."),
    endPort: pointer(int32(1, 65_535), 'The last port of a range.'),
  },
  ({ port, endPort }, report) => {
    if (endPort === undefined) return;
    if (typeof port !== 'number') report(['endPort'], endPort, 'needs a port number');
    else if (endPort < port) report(['endPort'], endPort, 'must not be less than port');
  },
);

const ipBlock = struct(
  'IPBlock',
  {
    cidr: always(text(strictCidr), { mandatory: true, description: 'The network.' }),
    except: optional(list(text(strictCidr)), 'Parts of it that are not meant.'),
  },
  ({ cidr, except = [] }, report) => {
    if (strictCidr(cidr) !== undefined) return;
    for (const [index, excluded] of except.entries()) {
      if (strictCidr(excluded) === undefined && !cidrContains(parseCidr(cidr), parseCidr(excluded))) {
        report(['except', index], excluded, 'must lie in cidr');
      }
    }
  },
);

const policyPeer = struct(
  'NetworkPolicyPeer',
  {
    podSelector: pointer(labelSelector, 'Pods.'),
    namespaceSelector: pointer(labelSelector, 'Namespaces of pods.'),
    ipBlock: pointer(ipBlock, 'Addresses.'),
  },
  (peer, report) => {
    const { podSelector, namespaceSelector, ipBlock: block } = peer;
    const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
    if (block === undefined ? !hasSelector : hasSelector) report([], peer, 'must have either selectors or an ipBlock');
  },
);

const policyPorts = list(policyPort);

export const stagedKubernetesNetworkPolicy = defineKind({
  kind: 'StagedKubernetesNetworkPolicy',
  name: resourceName,
  docs: {
    summary: 'A Kubernetes NetworkPolicy that is only reported on, not enforced.',
    example: {
      metadata: { name: 'allow-web', namespace: 'prod' },
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        policyTypes: ['Ingress'],
        ingress: [{ ports: [{ port: 80, protocol: 'TCP' }], from: [{ podSelector: {} }] }],
      },
    },
  },
  columns: {
    get: ['NAME'],
    wide: ['NAME', 'PODSELECTOR'],
    cells: { PODSELECTOR: ({ spec }) => selectorText(spec.podSelector) },
  },
  body: {
    spec: always(
      struct('StagedKubernetesNetworkPolicySpec', {
        ...stagedAction,
        podSelector: always(labelSelector, 'The pods that the policy applies to; empty for all of the namespace.'),
        ingress: optional(
          list(
            struct('NetworkPolicyIngressRule', {
              ports: optional(policyPorts, "The pods' ports; all where there are none."),
              from: optional(list(policyPeer), 'Where it comes from; anywhere where there is none.'),
            }),
          ),
          'Traffic to the pods that is allowed.',
        ),
        egress: optional(
          list(
            struct('NetworkPolicyEgressRule', {
              ports: optional(policyPorts, 'Ports of where it goes; all where there are none.'),
              to: optional(list(policyPeer), 'Where it goes; anywhere where there is none.'),
            }),
          ),
          'Traffic from the pods that is allowed.',
        ),
        policyTypes: optional(
          list(oneOf('Ingress', 'Egress'), { uniqueBy: (type) => type }),
          'The directions that the policy applies to.',
        ),
      }),
    ),
  },
  checks: [stagedDeletion, checkEmptySelector],
});

export type StagedKubernetesNetworkPolicy = ResourceOfDefinition<typeof stagedKubernetesNetworkPolicy>;

interface StagedLike {
  readonly spec: { readonly stagedAction?: string | undefined; readonly podSelector: LabelSelector };
}

function checkEmptySelector({ spec: { stagedAction: action, podSelector } }: StagedLike, report: Report): void {
  if (action === 'Delete' && labelSelector.encode(podSelector) !== '{}') {
    report(['spec', 'podSelector'], podSelector, 'must be left out where stagedAction is Delete');
  }
}

/** As Go prints the struct: its labels as a map, then its expressions. */
function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}:${value}`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) => `{${key} ${operator} [${values.join(' ')}]}`,
  );
  return `{map[${labels.sort().join(' ')}] [${expressions.join(' ')}]}`;
}
