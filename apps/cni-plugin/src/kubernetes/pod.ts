import type { WorkloadEndpoint } from '@calico-node/model';
import type { Description } from '../endpoint/description.ts';
import { isObject, type JsonObject } from '../spec/json-reader.ts';
import { qosOf, type Complain } from './qos.ts';
import { wishesOf, type WishOptions } from './wishes.ts';

type Port = NonNullable<WorkloadEndpoint['spec']['ports']>[number];

/** The longest value that a label may have. */
const maxLabelLength = 63;

function child(value: unknown, name: string): JsonObject {
  const found = isObject(value) ? value[name] : undefined;
  return isObject(found) ? found : {};
}

function text(value: JsonObject, name: string): string {
  const found = value[name];
  return typeof found === 'string' ? found : '';
}

function texts(value: JsonObject): Record<string, string> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (typeof item === 'string' ? [[key, item] as const] : [])),
  );
}

function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** What namespace and pod annotations are, by the API's objects. */
function annotationsOf(object: unknown): Record<string, string> {
  return texts(child(child(object, 'metadata'), 'annotations'));
}

/** The ports that have a name, or that lead in from the node. */
function portsOf(spec: JsonObject): Port[] {
  const containers = [...objects(spec['containers']), ...objects(spec['initContainers'])];
  return containers
    .flatMap((container) => objects(container['ports']))
    .flatMap((port) => {
      const [number, hostPort] = [port['containerPort'], port['hostPort']];
      const [name, protocol] = [text(port, 'name'), text(port, 'protocol') || 'TCP'];
      const isOfUse = name !== '' || (typeof hostPort === 'number' && hostPort !== 0);
      if (typeof number !== 'number' || number === 0 || !isOfUse) return [];
      const onHost = typeof hostPort === 'number' ? hostPort : 0;
      return [{ name, protocol, port: number, hostPort: onHost, hostIP: text(port, 'hostIP') }];
    });
}

export interface PodOptions extends WishOptions {
  readonly namespace: string;
  /** Told of annotations that are not heeded as they stand. */
  readonly complain: Complain;
}

/**
 * A pod and its namespace, as the Kubernetes API has them, in terms of a workload endpoint (Calico's conversion):
 * labels, the profiles that stand for namespace and service account, named ports, and what annotations ask for.
 *
 * @throws AnnotationError
 */
export function describePod(namespaceObject: unknown, podObject: unknown, options: PodOptions): Description {
  const { namespace, complain } = options;
  const [metadata, spec] = [child(podObject, 'metadata'), child(podObject, 'spec')];
  const account = text(spec, 'serviceAccountName');
  const generateName = text(metadata, 'generateName');
  const annotations = annotationsOf(podObject);
  const ports = portsOf(spec);
  const qosControls = qosOf(annotations, complain);
  const namespaceLabels = texts(child(child(namespaceObject, 'metadata'), 'labels'));
  return {
    source: 'orchestrator',
    labels: {
      ...texts(child(metadata, 'labels')),
      ...(account !== '' && account.length < maxLabelLength ? { 'projectcalico.org/serviceaccount': account } : {}),
    },
    profiles: [`kns.${namespace}`, ...(account === '' ? [] : [`ksa.${namespace}.${account}`])],
    ...(generateName === '' ? {} : { generateName }),
    ...(account === '' ? {} : { serviceAccountName: account }),
    ...(ports.length === 0 ? {} : { ports }),
    ...(qosControls === undefined ? {} : { qosControls }),
    annotations,
    wishes: {
      ...wishesOf(annotationsOf(namespaceObject), annotations, options),
      ...(Object.keys(namespaceLabels).length === 0 ? {} : { namespaceLabels }),
    },
  };
}
