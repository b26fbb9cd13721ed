import { cidrContains, familyOf, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { isSingleAddress } from './resources.ts';

/** What of a Kubernetes service decides about its routes (calico-confd 6.6). */
export interface ServiceFacts {
  readonly clusterIps: readonly IpAddress[];
  readonly externalIps: readonly IpAddress[];
  readonly loadBalancerIps: readonly IpAddress[];
  /** `externalTrafficPolicy: Local`: only nodes with an endpoint may draw its traffic. */
  readonly isLocal: boolean;
  /** The families in which an endpoint is ready. */
  readonly ready: readonly Family[];
  /** Those in which one is ready on this node. */
  readonly readyHere: readonly Family[];
}

/** What may be announced, as the BGPConfiguration says. */
export interface ServiceRanges {
  readonly cluster: readonly Cidr[];
  readonly external: readonly Cidr[];
  readonly loadBalancer: readonly Cidr[];
  readonly aggregatesLoadBalancerIps: boolean;
}

/**
 * The addresses of a service that this node originates one by one. With the policy Local all that may be announced,
 * where an endpoint of the family is ready here; else only those that no range stands for: such as are configured
 * alone, and load balancers' when they are not to be announced as ranges.
 */
export function serviceAddresses(service: ServiceFacts, ranges: ServiceRanges): readonly IpAddress[] {
  const external = service.externalIps.filter(isIn(ranges.external));
  const loadBalancer = service.loadBalancerIps.filter(isIn(ranges.loadBalancer));
  if (service.isLocal) {
    const cluster = service.clusterIps.filter(isIn(ranges.cluster));
    return [...cluster, ...external, ...loadBalancer].filter((ip) => service.readyHere.includes(familyOf(ip)));
  }
  const alone = isIn([...ranges.external, ...ranges.loadBalancer].filter(isSingleAddress));
  return [
    ...external.filter(alone),
    ...loadBalancer.filter(
      (ip) => alone(ip) || (!ranges.aggregatesLoadBalancerIps && service.ready.includes(familyOf(ip))),
    ),
  ];
}

function isIn(cidrs: readonly Cidr[]): (ip: IpAddress) => boolean {
  return (ip) => cidrs.some((cidr) => familyOf(cidr) === familyOf(ip) && cidrContains(cidr, ip));
}
