import type { Resource, Rule } from '@calico-node/model';
import type { NodePolicy } from '../decide-packet.ts';

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

/** Cut traffic as failsafe ports do. */
export function failsafeRules({ failsafes }: NodePolicy): readonly Rule[] {
  const ports = [...failsafes.inbound, ...failsafes.outbound];
  return ports.map(({ protocol, port }) => ({ action: 'Allow', protocol, destination: { ports: [port] } }));
}
