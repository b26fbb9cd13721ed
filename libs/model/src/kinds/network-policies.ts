import { globalPolicyName, networkPolicyName } from '../checks/names.ts';
import { always, struct } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import {
  fillPolicyDefaults,
  globalPolicyFields,
  globalSwitches,
  namespaceSelector,
  performanceHints,
  policyColumns,
  policyHead,
  policyRules,
  serviceAccountSelector,
  stagedAction,
  stagedDeletion,
} from './policy.ts';

export const networkPolicy = defineKind({
  kind: 'NetworkPolicy',
  name: networkPolicyName,
  docs: {
    summary: 'Policy for the endpoints of one namespace.',
    example: {
      metadata: { name: 'allow-web', namespace: 'prod' },
      spec: {
        selector: "app == 'web'",
        ingress: [
          {
            action: 'Allow',
            protocol: 'TCP',
            source: { selector: "role == 'client'" },
            destination: { ports: [80, 443] },
          },
        ],
      },
    },
    storeRules: [
      'its tier must exist when it is created',
      "names that begin with `knp.default.` are Kubernetes' and cannot be written",
    ],
  },
  columns: policyColumns,
  body: {
    spec: always(struct('NetworkPolicySpec', { ...policyHead, ...serviceAccountSelector, ...performanceHints })),
  },
  checks: [policyRules],
  onWrite: fillPolicyDefaults,
});

export type NetworkPolicy = ResourceOfDefinition<typeof networkPolicy>;

const globalPolicyBody = {
  ...policyHead,
  ...globalPolicyFields,
  ...serviceAccountSelector,
  ...namespaceSelector,
  ...performanceHints,
};

export const globalNetworkPolicy = defineKind({
  kind: 'GlobalNetworkPolicy',
  name: globalPolicyName,
  docs: {
    summary: 'Policy for endpoints of all namespaces and of hosts.',
    example: {
      metadata: { name: 'allow-dns' },
      spec: {
        order: 100,
        selector: 'all()',
        types: ['Egress'],
        egress: [{ action: 'Allow', protocol: 'UDP', destination: { ports: [53] } }],
      },
    },
    storeRules: ['its tier must exist when it is created'],
  },
  columns: policyColumns,
  body: { spec: always(struct('GlobalNetworkPolicySpec', globalPolicyBody)) },
  checks: [policyRules, globalSwitches],
  onWrite: fillPolicyDefaults,
});

export type GlobalNetworkPolicy = ResourceOfDefinition<typeof globalNetworkPolicy>;

export const stagedNetworkPolicy = defineKind({
  kind: 'StagedNetworkPolicy',
  name: networkPolicyName,
  docs: {
    summary: 'A NetworkPolicy that is only reported on, not enforced.',
    example: { metadata: { name: 'allow-web', namespace: 'prod' }, spec: { stagedAction: 'Delete' } },
    storeRules: ['its tier must exist when it is created'],
  },
  columns: policyColumns,
  body: {
    spec: always(
      struct('StagedNetworkPolicySpec', {
        ...stagedAction,
        ...policyHead,
        ...serviceAccountSelector,
        ...performanceHints,
      }),
    ),
  },
  checks: [policyRules, stagedDeletion],
  onWrite: fillPolicyDefaults,
});

export type StagedNetworkPolicy = ResourceOfDefinition<typeof stagedNetworkPolicy>;

export const stagedGlobalNetworkPolicy = defineKind({
  kind: 'StagedGlobalNetworkPolicy',
  name: globalPolicyName,
  docs: {
    summary: 'A GlobalNetworkPolicy that is only reported on, not enforced.',
    example: {
      metadata: { name: 'allow-dns' },
      spec: {
        stagedAction: 'Set',
        order: 100,
        selector: 'all()',
        types: ['Egress'],
        egress: [{ action: 'Allow', protocol: 'UDP', destination: { ports: [53] } }],
      },
    },
    storeRules: ['its tier must exist when it is created'],
  },
  columns: policyColumns,
  body: { spec: always(struct('StagedGlobalNetworkPolicySpec', { ...stagedAction, ...globalPolicyBody })) },
  checks: [policyRules, globalSwitches, stagedDeletion],
  onWrite: fillPolicyDefaults,
});

export type StagedGlobalNetworkPolicy = ResourceOfDefinition<typeof stagedGlobalNetworkPolicy>;
