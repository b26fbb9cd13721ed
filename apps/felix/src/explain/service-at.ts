/** Which Kubernetes service has an address, and where connections to it go, asked of the API at that moment. */
import {
  accessOfEnvironment,
  KubernetesClient,
  KubernetesError,
  objectIn,
  objectsIn,
  textIn,
  type KubernetesObject,
} from '@calico-node/kubernetes';
import { tryParseIp, type IpAddress } from '@calico-node/net';

const SERVICES = '/api/v1/services';
const PAGE = 500;
const protocols: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

export interface ServiceBackend {
  readonly address: IpAddress;
  readonly port: number;
}

/** A service, as seen from one of its addresses and ports. */
export interface ServiceAt {
  readonly namespace: string;
  readonly name: string;
  readonly addressType: 'ClusterIP' | 'ExternalIP' | 'LoadBalancer';
  readonly trafficPolicy: 'Cluster' | 'Local';
  /** Those that are ready. */
  readonly backends: readonly ServiceBackend[];
  readonly problem?: 'no-port' | 'no-endpoints';
}

/** Where something is sent to. */
export interface ServiceAddress {
  readonly address: IpAddress;
  readonly port: number;
  /** IP protocol number. */
  readonly protocol: number;
}

/**
 * The service that has the address; `undefined` when none has it, and where there is no Kubernetes.
 * @throws KubernetesError when the API does not tell.
 */
export async function serviceAt(
  wanted: ServiceAddress,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<ServiceAt | undefined> {
  const access = accessOfEnvironment(env);
  if (access === undefined) return undefined;
  using client = disposable(new KubernetesClient(access));
  for await (const service of list(client.value, SERVICES, signal)) {
    const addressType = addressTypeOf(service, wanted.address);
    if (addressType !== undefined) return await resolve(client.value, service, addressType, wanted, signal);
  }
  return undefined;
}

async function resolve(
  client: KubernetesClient,
  service: KubernetesObject,
  addressType: ServiceAt['addressType'],
  { address, port, protocol }: ServiceAddress,
  signal: AbortSignal,
): Promise<ServiceAt> {
  const [metadata, spec] = [objectIn(service['metadata']), objectIn(service['spec'])];
  const [namespace, name] = [textIn(metadata['namespace']), textIn(metadata['name'])];
  const local = addressType === 'ClusterIP' ? spec['internalTrafficPolicy'] : spec['externalTrafficPolicy'];
  const found = { namespace, name, addressType, trafficPolicy: local === 'Local' ? local : 'Cluster' } as const;
  const servicePort = objectsIn(spec['ports']).find(
    (each) => each['port'] === port && protocols[textIn(each['protocol'], 'TCP')] === protocol,
  );
  if (servicePort === undefined) return { ...found, backends: [], problem: 'no-port' };
  const selector = encodeURIComponent(`kubernetes.io/service-name=${name}`);
  const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;
  const backends: ServiceBackend[] = [];
  for await (const slice of list(client, path, signal, `labelSelector=${selector}&`)) {
    if (objectIn(objectIn(slice['metadata'])['labels'])['kubernetes.io/service-name'] !== name) continue;
    backends.push(...backendsIn(slice, textIn(servicePort['name']), address));
  }
  return backends.length === 0 ? { ...found, backends, problem: 'no-endpoints' } : { ...found, backends };
}

/** The slice's ready endpoints of the address's family, with the number that the named port has there. */
function backendsIn(slice: KubernetesObject, portName: string, address: IpAddress): readonly ServiceBackend[] {
  const isV6 = address.includes(':');
  const ports = objectsIn(slice['ports']).filter((each) => textIn(each['name']) === portName);
  const ready = objectsIn(slice['endpoints']).filter(({ conditions }) => objectIn(conditions)['ready'] !== false);
  const addresses = ready.flatMap((each) => textsOf(each['addresses']).flatMap((text) => tryParseIp(text) ?? []));
  return addresses
    .filter((ip) => ip.includes(':') === isV6)
    .flatMap((ip) => ports.flatMap(({ port }) => (typeof port === 'number' ? [{ address: ip, port }] : [])));
}

function addressTypeOf(service: KubernetesObject, address: IpAddress): ServiceAt['addressType'] | undefined {
  const [spec, status] = [objectIn(service['spec']), objectIn(service['status'])];
  const has = (texts: readonly string[]): boolean => texts.some((text) => tryParseIp(text) === address);
  const ingress = objectsIn(objectIn(status['loadBalancer'])['ingress']);
  if (has([textIn(spec['clusterIP']), ...textsOf(spec['clusterIPs'])])) return 'ClusterIP';
  if (has(textsOf(spec['externalIPs']))) return 'ExternalIP';
  return has(ingress.map(({ ip }) => textIn(ip))) ? 'LoadBalancer' : undefined;
}

/** The objects of a collection, page by page. @throws KubernetesError */
async function* list(
  client: KubernetesClient,
  path: string,
  signal: AbortSignal,
  query = '',
): AsyncGenerator<KubernetesObject> {
  let token = '';
  do {
    const from = token === '' ? '' : `&continue=${encodeURIComponent(token)}`;
    const page = objectIn(await client.get(`${path}?${query}limit=${PAGE}${from}`, signal));
    yield* objectsIn(page['items']);
    token = textIn(objectIn(page['metadata'])['continue']);
  } while (token !== '');
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function disposable(client: KubernetesClient): Disposable & { readonly value: KubernetesClient } {
  return {
    value: client,
    [Symbol.dispose]: () => {
      client.close();
    },
  };
}

/** Why the API does not tell; other errors go on. */
export function whyUnknown(error: unknown): string {
  if (error instanceof KubernetesError) return error.message;
  throw error;
}
