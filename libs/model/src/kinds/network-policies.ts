import { globalPolicyName, networkPolicyName } from '../checks/names.ts';
import { always, struct } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';
import {
  checkPolicy,
  checkStagedDeletion,
  fillPolicyDefaults,
  globalPolicyFields,
  namespaceSelector,
  performanceHints,
  policyColumns,
  policyHead,
  serviceAccountSelector,
  stagedAction,
} from './policy.ts';

export const networkPolicy = defineKind({
  kind: 'NetworkPolicy',
  plural: 'networkpolicies',
  isNamespaced: true,
  shortNames: ['policy', 'policies', 'np', 'nps', 'pol', 'pols'],
  name: networkPolicyName,
  columns: policyColumns,
  body: {
    spec: always(struct('NetworkPolicySpec', { ...policyHead, ...serviceAccountSelector, ...performanceHints })),
  },
  checks: [checkPolicy],
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
  plural: 'globalnetworkpolicies',
  shortNames: ['gnp', 'gnps'],
  name: globalPolicyName,
  columns: policyColumns,
  body: { spec: always(struct('GlobalNetworkPolicySpec', globalPolicyBody)) },
  checks: [checkPolicy],
  onWrite: fillPolicyDefaults,
});

export type GlobalNetworkPolicy = ResourceOfDefinition<typeof globalNetworkPolicy>;

export const stagedNetworkPolicy = defineKind({
  kind: 'StagedNetworkPolicy',
  plural: 'stagednetworkpolicies',
  isNamespaced: true,
  shortNames: ['stagedpolicy', 'stagedpolicies', 'snp', 'snps', 'spol', 'spols'],
  name: networkPolicyName,
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
  checks: [checkPolicy, checkStagedDeletion],
  onWrite: fillPolicyDefaults,
});

export type StagedNetworkPolicy = ResourceOfDefinition<typeof stagedNetworkPolicy>;

export const stagedGlobalNetworkPolicy = defineKind({
  kind: 'StagedGlobalNetworkPolicy',
  plural: 'stagedglobalnetworkpolicies',
  shortNames: ['sgnp', 'sgnps'],
  name: globalPolicyName,
  columns: policyColumns,
  body: { spec: always(struct('StagedGlobalNetworkPolicySpec', { ...stagedAction, ...globalPolicyBody })) },
  checks: [checkPolicy, checkStagedDeletion],
  onWrite: fillPolicyDefaults,
});

export type StagedGlobalNetworkPolicy = ResourceOfDefinition<typeof stagedGlobalNetworkPolicy>;
