import type { NetworkPolicy, GlobalNetworkPolicy } from '@calico-node/model';
import type { Policy, PolicyWorld } from './world.ts';

/**
 * The world as it would be if every staged policy were enforced: one that is staged to be set takes the place of the
 * policy of its name, or is there beside the others; one that is staged for deletion takes that policy away.
 */
export function enforceStaged(world: PolicyWorld): PolicyWorld {
  const enforced = new Map<string, Policy>();
  const staged: Policy[] = [];
  for (const policy of world.policies) {
    if (policy.kind === 'NetworkPolicy' || policy.kind === 'GlobalNetworkPolicy') enforced.set(keyOf(policy), policy);
    else staged.push(policy);
  }
  for (const policy of staged) {
    const key = keyOf(policy);
    const action = 'stagedAction' in policy.spec ? policy.spec.stagedAction : undefined;
    if (action === 'Delete') enforced.delete(key);
    else if (action === undefined || action === 'Set') enforced.set(key, asEnforced(policy));
  }
  return { ...world, policies: [...enforced.values()] };
}

function asEnforced(policy: Policy): Policy {
  switch (policy.kind) {
    case 'StagedGlobalNetworkPolicy': {
      const { stagedAction: _, ...spec } = policy.spec;
      return { ...policy, kind: 'GlobalNetworkPolicy', spec } satisfies GlobalNetworkPolicy;
    }
    case 'StagedNetworkPolicy':
    case 'StagedKubernetesNetworkPolicy': {
      const { stagedAction: _, ...spec } = policy.spec;
      return { ...policy, kind: 'NetworkPolicy', metadata: policy.metadata, spec } satisfies NetworkPolicy;
    }
    default:
      return policy;
  }
}

/** Kubernetes' policies have a prefix in the store, so that none is in the way of Calico's own. */
function keyOf({ kind, metadata }: Policy): string {
  const { name } = metadata;
  switch (kind) {
    case 'GlobalNetworkPolicy':
    case 'StagedGlobalNetworkPolicy':
      return name;
    case 'StagedKubernetesNetworkPolicy':
      return `${metadata.namespace ?? ''}/knp.default.${name}`;
    default:
      return `${metadata.namespace ?? ''}/${name}`;
  }
}
