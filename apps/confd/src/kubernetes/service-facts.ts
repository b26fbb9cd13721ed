import { objectIn, objectsIn, type KubernetesObject } from '@calico-node/kubernetes';
import { tryParseIp, type Family, type IpAddress } from '@calico-node/net';
import type { ServiceFacts } from '../derive/services.ts';

/** What in the API decides about services' routes. */
export interface ServiceObjects {
  readonly services: Iterable<KubernetesObject>;
  readonly endpointSlices: Iterable<KubernetesObject>;
}

/** The types of services that have addresses of their own. */
const TYPES: ReadonlySet<unknown> = new Set(['ClusterIP', 'NodePort', 'LoadBalancer']);

/** Services with the endpoints that they have, here and anywhere. */
export function serviceFacts({ services, endpointSlices }: ServiceObjects, nodeName: string): readonly ServiceFacts[] {
  const readiness = new Map<string, { readonly ready: Set<Family>; readonly readyHere: Set<Family> }>();
  for (const slice of endpointSlices) {
    const family = slice['addressType'] === 'IPv4' ? 4 : slice['addressType'] === 'IPv6' ? 6 : undefined;
    const id = serviceOf(slice);
    if (family === undefined || id === undefined) continue;
    const known = readiness.get(id) ?? { ready: new Set<Family>(), readyHere: new Set<Family>() };
    readiness.set(id, known);
    for (const endpoint of objectsIn(slice['endpoints'])) {
      // Not said means ready.
      if (objectIn(endpoint['conditions'])['ready'] === false) continue;
      known.ready.add(family);
      if (endpoint['nodeName'] === nodeName) known.readyHere.add(family);
    }
  }
  return Array.from(services).flatMap((service) => {
    const spec = objectIn(service['spec']);
    if (!TYPES.has(spec['type'] ?? 'ClusterIP') || spec['clusterIP'] === 'None') return [];
    const { namespace, name } = objectIn(service['metadata']);
    const { ready = [], readyHere = [] } = readiness.get(`${String(namespace)}/${String(name)}`) ?? {};
    const loadBalancer = objectIn(objectIn(service['status'])['loadBalancer']);
    return {
      clusterIps: addresses(Array.isArray(spec['clusterIPs']) ? spec['clusterIPs'] : [spec['clusterIP']]),
      externalIps: addresses(spec['externalIPs']),
      loadBalancerIps: addresses(objectsIn(loadBalancer['ingress']).map((ingress) => ingress['ip'])),
      isLocal: spec['externalTrafficPolicy'] === 'Local',
      ready: [...ready],
      readyHere: [...readyHere],
    };
  });
}

function serviceOf(slice: KubernetesObject): string | undefined {
  const { namespace, labels } = objectIn(slice['metadata']);
  const name = objectIn(labels)['kubernetes.io/service-name'];
  return typeof name === 'string' ? `${String(namespace)}/${name}` : undefined;
}

function addresses(values: unknown): readonly IpAddress[] {
  if (!Array.isArray(values)) return [];
  return values.flatMap((value: unknown) => (typeof value === 'string' ? (tryParseIp(value) ?? []) : []));
}
