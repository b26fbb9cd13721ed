import { objectIn, objectsIn, type KubernetesObject } from '@calico-node/kubernetes';
import { tryParseIp, type IpAddress } from '@calico-node/net';

/** The addresses that a Kubernetes Service has outside the cluster: none where it is of another type than LoadBalancer. */
export function loadBalancerAddresses(service: KubernetesObject): readonly IpAddress[] {
  const spec = objectIn(service['spec']);
  if (spec['type'] !== 'LoadBalancer') return [];
  const { ingress } = objectIn(objectIn(service['status'])['loadBalancer']);
  const texts = [...objectsIn(ingress).map(({ ip }) => ip), spec['loadBalancerIP']];
  return [...new Set(texts.flatMap((text) => (typeof text === 'string' ? (tryParseIp(text) ?? []) : [])))];
}
