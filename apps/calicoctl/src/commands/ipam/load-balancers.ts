/*
 * The services of type LoadBalancer that Calico gives addresses to, as the Kubernetes API has them.
 */
import { isDatastoreError, type Resources } from '@calico-node/datastore';
import type { AddressUse } from '@calico-node/ipam';
import {
  isKubernetesError,
  KubernetesClient,
  objectIn,
  objectsIn,
  resolveAccess,
  type KubernetesObject,
} from '@calico-node/kubernetes';
import { tryParseIp } from '@calico-node/net';
import { CommandError } from '../../io.ts';

type Variables = Readonly<Record<string, string | undefined>>;

export interface LoadBalancers {
  /** How many services there are. */
  readonly count: number;
  readonly uses: readonly AddressUse[];
}

/** Services in a page of a list. */
const page = 500;
const timeoutMs = 30_000;
const ownClass = 'calico';
const requests = ['ipv4pools', 'ipv6pools', 'loadBalancerIPs'].map((name) => `projectcalico.org/${name}`);

/**
 * Asks the API that `--kubeconfig` or KUBECONFIG names. Nothing where neither does.
 * @throws CommandError when the API does not tell.
 */
export async function readLoadBalancers(
  resources: Resources,
  given: string | undefined,
  env: Variables,
): Promise<LoadBalancers | undefined> {
  const kubeconfig = given ?? env['KUBECONFIG'] ?? '';
  if (kubeconfig === '') return undefined;
  const servesAll = await servesAllServices(resources);
  try {
    const services = (await listServices(kubeconfig)).filter((service) => isCalicos(service, servesAll));
    return { count: services.length, uses: services.flatMap(usesOf) };
  } catch (error) {
    if (!isKubernetesError(error)) throw error;
    throw new CommandError(`the services of load balancers are not known: ${error.message}`, { cause: error });
  }
}

/** Calico's default is all; else those that ask for it. */
async function servesAllServices(resources: Resources): Promise<boolean> {
  try {
    const { spec } = await resources.get('KubeControllersConfiguration', 'default');
    return (spec.controllers.loadBalancer?.assignIPs ?? 'AllServices') === 'AllServices';
  } catch (error) {
    if (isDatastoreError(error, 'not-found')) return true;
    throw error;
  }
}

async function listServices(kubeconfig: string): Promise<readonly KubernetesObject[]> {
  const none = { apiRoot: '', token: '', clientCertificate: '', clientKey: '', certificateAuthority: '' };
  const client = new KubernetesClient(resolveAccess({ kubeconfig, ...none }, {}));
  try {
    const services: KubernetesObject[] = [];
    const signal = AbortSignal.timeout(timeoutMs);
    for (let next: string | undefined = ''; next !== undefined;) {
      const query: string = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const list = objectIn(await client.get(`/api/v1/services?limit=${page}${query}`, signal));
      services.push(...objectsIn(list['items']));
      const more = objectIn(list['metadata'])['continue'];
      next = typeof more === 'string' && more !== '' ? more : undefined;
    }
    return services;
  } finally {
    client.close();
  }
}

/** Whether Calico gives a service its addresses (Calico's documented rule). */
export function isCalicos(service: KubernetesObject, servesAll: boolean): boolean {
  const spec = objectIn(service['spec']);
  if (spec['type'] !== 'LoadBalancer') return false;
  const { loadBalancerClass = null } = spec;
  if (loadBalancerClass !== null) return loadBalancerClass === ownClass;
  const annotations = objectIn(objectIn(service['metadata'])['annotations']);
  return servesAll || requests.some((name) => (annotations[name] ?? '') !== '');
}

function usesOf(service: KubernetesObject): readonly AddressUse[] {
  const owner = String(objectIn(service['metadata'])['name']);
  return objectsIn(objectIn(objectIn(service['status'])['loadBalancer'])['ingress']).flatMap(({ ip: text }) => {
    const ip = typeof text === 'string' ? tryParseIp(text) : undefined;
    return ip === undefined ? [] : [{ ip, owner }];
  });
}
