/**
 * What confd takes from the Kubernetes API besides the store: services with their endpoints, for routes to single
 * services, and secrets, for passwords of sessions. Each collection is listed and then watched.
 */
import { readFileSync } from 'node:fs';
import {
  accessOfEnvironment,
  followObjects,
  KubernetesClient,
  objectIn,
  podAccountDir,
  type FollowedObjects,
} from '@calico-node/kubernetes';
import type { Logger } from '@calico-node/service';
import type { SecretLookup } from '../derive/password.ts';
import type { ServiceFacts } from '../derive/services.ts';
import { serviceFacts } from './service-facts.ts';

export interface ClusterObjectsOptions {
  readonly nodeName: string;
  readonly onChange: () => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export class ClusterObjects {
  readonly #client: KubernetesClient;
  readonly #options: ClusterObjectsOptions;
  /** By path. */
  readonly #followed = new Map<string, FollowedObjects>();
  readonly #namespace: string;

  private constructor(client: KubernetesClient, options: ClusterObjectsOptions) {
    this.#client = client;
    this.#options = options;
    this.#namespace = namespaceOfPod();
  }

  /**
   * The API that the environment names; none where there is no Kubernetes. Nothing is asked before it is needed.
   * @throws KubernetesError
   */
  static open(
    env: Readonly<Record<string, string | undefined>>,
    options: ClusterObjectsOptions,
  ): ClusterObjects | undefined {
    const access = accessOfEnvironment(env);
    return access === undefined ? undefined : new ClusterObjects(new KubernetesClient(access), options);
  }

  /** Whether the first answer to something that was asked for is still to come. */
  get isWaiting(): boolean {
    return [...this.#followed.values()].some(({ wasAnswered }) => !wasAnswered);
  }

  services(): readonly ServiceFacts[] {
    const services = this.#follow('/api/v1/services').objects.values();
    const endpointSlices = this.#follow('/apis/discovery.k8s.io/v1/endpointslices').objects.values();
    return serviceFacts({ services, endpointSlices }, this.#options.nodeName);
  }

  /** A secret of confd's namespace. It is followed from when it was first asked for. */
  readonly secretOf: SecretLookup = (name, key) => {
    if (!/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/.test(name)) return undefined;
    const selector = encodeURIComponent(`metadata.name=${name}`);
    const secret = this.#follow(`/api/v1/namespaces/${this.#namespace}/secrets?fieldSelector=${selector}`);
    const [object] = secret.objects.values();
    const data = objectIn(object?.['data']);
    const value = Object.hasOwn(data, key) ? data[key] : undefined;
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : undefined;
  };

  close(): void {
    this.#client.close();
  }

  #follow(path: string): FollowedObjects {
    const known = this.#followed.get(path);
    if (known !== undefined) return known;
    const { onChange, log, signal } = this.#options;
    const following = followObjects(this.#client, path, { onChange, log, signal });
    this.#followed.set(path, following);
    return following;
  }
}

/** The namespace that Kubernetes tells a pod; Calico's own where it tells none. */
function namespaceOfPod(): string {
  try {
    return readFileSync(`${podAccountDir}/namespace`, 'utf8').trim();
  } catch {
    return 'kube-system';
  }
}
