import { parseCidrLoose, type Cidr } from '@calico-node/net';
import type { Profile, Resource, Tier } from '@calico-node/model';
import { kubernetesPolicyOf } from './kubernetes-policy.ts';
import { memberOfHostEndpoint, memberOfNetworkSet, memberOfWorkloadEndpoint } from './members.ts';
import type { Member, Policy, PolicyWorld } from './world.ts';

/** The world that a list of resources describes; kinds without a say are ignored. Throws NetParseError. */
export function worldOf(resources: Iterable<Resource>): PolicyWorld {
  const tiers: Tier[] = [];
  const policies: Policy[] = [];
  const profiles = new Map<string, Profile>();
  const members: Member[] = [];
  const serviceCidrs: Cidr[] = [];
  for (const resource of resources) {
    switch (resource.kind) {
      case 'Tier':
        tiers.push(resource);
        break;
      case 'GlobalNetworkPolicy':
      case 'NetworkPolicy':
      case 'StagedGlobalNetworkPolicy':
      case 'StagedNetworkPolicy':
        policies.push(resource);
        break;
      case 'StagedKubernetesNetworkPolicy':
        policies.push(kubernetesPolicyOf(resource));
        break;
      case 'Profile':
        profiles.set(resource.metadata.name, resource);
        break;
      case 'WorkloadEndpoint':
        members.push(memberOfWorkloadEndpoint(resource));
        break;
      case 'HostEndpoint':
        members.push(memberOfHostEndpoint(resource));
        break;
      case 'BGPConfiguration': {
        const { serviceClusterIPs = [], serviceExternalIPs = [], serviceLoadBalancerIPs = [] } = resource.spec;
        if (resource.metadata.name !== 'default') break;
        for (const { cidr = '' } of [...serviceClusterIPs, ...serviceExternalIPs, ...serviceLoadBalancerIPs])
          serviceCidrs.push(parseCidrLoose(cidr));
        break;
      }
      case 'GlobalNetworkSet':
      case 'NetworkSet':
        members.push(memberOfNetworkSet(resource));
        break;
      default:
    }
  }
  return { tiers, policies, profile: (name) => profiles.get(name), membersAt: () => members, serviceCidrs };
}
