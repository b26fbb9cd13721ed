import { workloadEndpointName } from '@calico-node/model';
import { familyOf, type IpAddress } from '@calico-node/net';
import type { Converted } from './v1-kinds.ts';
import { convertName, convertNodeName, convertProfileName } from './v1-names.ts';
import type { V1Reader } from './v1-reader.ts';
import { nonEmpty, type V3Object } from './v1-rules.ts';

interface Identity {
  readonly namespace: string;
  readonly node: string;
  readonly orchestrator: string;
  readonly endpoint: string;
  readonly workload?: string | undefined;
  readonly pod?: string | undefined;
  readonly containerID?: string | undefined;
}

/** A workload's endpoint; its v3 name is made of what identifies it. */
export function convertWorkloadEndpoint(metadata: V1Reader, spec: V1Reader): Converted {
  const { namespace, ...identity } = identityOf(metadata);
  const nets = spec.networks('ipNetworks').toSorted((a, b) => familyOf(a) - familyOf(b));
  return {
    kind: 'WorkloadEndpoint',
    metadata: { name: nameOf(identity, metadata), namespace, labels: convertLabels(metadata.labels('labels')) },
    spec: {
      ...identity,
      ipNetworks: nonEmpty(nets),
      ipNATs: nonEmpty(convertNats(spec.inners('ipNATs'))),
      ipv4Gateway: spec.address('ipv4Gateway'),
      ipv6Gateway: spec.address('ipv6Gateway'),
      profiles: nonEmpty(spec.texts('profiles').map(convertProfileName)),
      interfaceName: spec.text('interfaceName'),
      mac: spec.text('mac'),
      ports: nonEmpty(spec.inners('ports').map(convertPort)),
    },
  };
}

function identityOf(metadata: V1Reader): Identity {
  const orchestrator = metadata.required('orchestrator');
  const workload = metadata.required('workload');
  const instance = metadata.text('activeInstanceID');
  const common = {
    namespace: 'default',
    node: convertNodeName(metadata.required('node')),
    orchestrator: convertName(orchestrator),
    endpoint: convertName(metadata.required('name')),
  };
  switch (orchestrator) {
    case 'k8s': {
      const dot = workload.indexOf('.');
      if (dot < 0) {
        metadata.report('workload', `must be <namespace>.<pod>, as Calico's CNI plug-in makes it; it is "${workload}"`);
      }
      return {
        ...common,
        namespace: workload.slice(0, Math.max(dot, 0)),
        pod: workload.slice(dot + 1),
        containerID: instance,
      };
    }
    case 'cni':
      return { ...common, containerID: workload };
    case 'libnetwork':
      return { ...common, workload: 'libnetwork' };
    default:
      return { ...common, workload: convertName(workload) };
  }
}

function nameOf(identity: Omit<Identity, 'namespace'>, metadata: V1Reader): string {
  try {
    return workloadEndpointName(identity);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    metadata.report('name', error.message);
    return '';
  }
}

function convertLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> | undefined {
  const converted = Object.entries(labels).map(([name, value]) => [
    name === 'calico/k8s_ns' ? 'projectcalico.org/namespace' : name,
    value,
  ]);
  return converted.length === 0 ? undefined : (Object.fromEntries(converted) as Readonly<Record<string, string>>);
}

function convertNats(nats: readonly V1Reader[]): readonly V3Object[] {
  const converted = nats.map((nat) => {
    const pair = { internalIP: nat.address('internalIP'), externalIP: nat.address('externalIP') };
    nat.done();
    return pair;
  });
  const family = (ip: IpAddress | undefined): number => (ip === undefined ? 0 : familyOf(ip));
  return converted.toSorted((a, b) => family(a.internalIP) - family(b.internalIP));
}

/** A named port of an endpoint. */
export function convertPort(port: V1Reader): V3Object {
  const converted = { name: port.text('name'), protocol: port.protocol('protocol'), port: port.number('port') };
  port.done();
  return converted;
}
