import { parseCidrLoose, type Cidr } from '@calico-node/net';
import type { Profile, Resource, Tier } from '@calico-node/model';
import { NetIndex } from './net-index.ts';
import { kubernetesPolicyOf } from './kubernetes-policy.ts';
import { memberOfHostEndpoint, memberOfNetworkSet, memberOfWorkloadEndpoint } from './members.ts';
import type { Member, Policy, PolicyWorld } from './world.ts';

/** The world that a list of resources describes; kinds without a say are ignored. Throws NetParseError. */
export function worldOf(resources: Iterable<Resource>): PolicyWorld {
  const tiers: Tier[] = [];
  const policies: Policy[] = [];
  const profiles = new Map<string, Profile>();
  const index = new NetIndex<Member>();
  const add = (member: Member): void => {
    for (const net of member.nets) index.add(net, member);
  };
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
        add(memberOfWorkloadEndpoint(resource));
        break;
      case 'HostEndpoint':
        add(memberOfHostEndpoint(resource));
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
        add(memberOfNetworkSet(resource));
        break;
      default:
    }
  }
  return { tiers, policies, profile: (name) => profiles.get(name), membersAt: (ip) => index.at(ip), serviceCidrs };
}
