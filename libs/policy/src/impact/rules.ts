import type { Resource, Rule } from '@calico-node/model';

/** The rules of whatever has enforced ones; none for other kinds. */
export function rulesOf(resource: Resource): readonly Rule[] {
  switch (resource.kind) {
    case 'NetworkPolicy':
    case 'GlobalNetworkPolicy':
    case 'Profile': {
      const { ingress = [], egress = [] } = resource.spec;
      return [...ingress, ...egress];
    }
    default:
      return [];
  }
}
