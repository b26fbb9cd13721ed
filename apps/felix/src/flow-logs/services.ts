import { objectIn, objectsIn, textIn, type KubernetesObject } from '@calico-node/kubernetes';
import { tryParseIp, type IpAddress } from '@calico-node/net';
import { protocols } from '../rules/matches.ts';

/** The port of a Kubernetes Service. */
export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  /** '' where it has none. */
  readonly portName: string;
  readonly port: number;
}

const protocolNumbers: Readonly<Record<string, number>> = {
  TCP: protocols.tcp,
  UDP: protocols.udp,
  SCTP: protocols.sctp,
};

/** Services by what is sent to: an address of theirs and a port, or a node port. */
export class Services {
  readonly #ports = new Map<string, ServicePort>();
  readonly #keys = new Map<string, readonly string[]>();

  set(id: string, service: KubernetesObject | undefined): void {
    for (const key of this.#keys.get(id) ?? []) this.#ports.delete(key);
    const entries = service === undefined ? [] : entriesOf(service);
    for (const [key, port] of entries) this.#ports.set(key, port);
    if (entries.length === 0) this.#keys.delete(id);
    else
      this.#keys.set(
        id,
        entries.map(([key]) => key),
      );
  }

  find(address: IpAddress, port: number, protocol: number): ServicePort | undefined {
    return this.#ports.get(keyOf(address, port, protocol)) ?? this.#ports.get(keyOf(anyNode, port, protocol));
  }
}

const anyNode = 'node';

function keyOf(address: string, port: number, protocol: number): string {
  return `${address} ${port} ${protocol}`;
}

function entriesOf(service: KubernetesObject): (readonly [string, ServicePort])[] {
  const { name, namespace } = objectIn(service['metadata']);
  const spec = objectIn(service['spec']);
  const { ingress } = objectIn(objectIn(service['status'])['loadBalancer']);
  const addresses = [
    ...[spec['clusterIP'], ...listIn(spec['clusterIPs']), ...listIn(spec['externalIPs'])],
    ...objectsIn(ingress).map(({ ip }) => ip),
  ].flatMap((text) => (typeof text === 'string' ? (tryParseIp(text) ?? []) : []));
  return objectsIn(spec['ports']).flatMap(({ name: portName, port, nodePort, protocol }) => {
    const number = protocolNumbers[typeof protocol === 'string' ? protocol : 'TCP'];
    if (number === undefined || typeof port !== 'number') return [];
    const found = { namespace: textIn(namespace), name: textIn(name), portName: textIn(portName), port };
    const keys = addresses.map((address) => keyOf(address, port, number));
    if (typeof nodePort === 'number') keys.push(keyOf(anyNode, nodePort, number));
    return keys.map((key) => [key, found] as const);
  });
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
