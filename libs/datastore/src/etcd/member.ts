import { Metadata } from '@grpc/grpc-js';
import { Etcd3, type IOptions } from 'etcd3';
import { etcdV3 } from '@calico-node/rpc';
import type { EtcdConfig } from '../config.ts';
import { channelCredentials, channelOptions, tlsMaterial } from './channel.ts';
import type { EtcdEndpoint } from './endpoints.ts';

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/** Calls once: retries and fail-over are decided in one place, where it is known what may be repeated. */
const once = {
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
  execute: (call: (context: { signal: AbortSignal }) => unknown) =>
    Promise.resolve({ signal: neverAborted }).then(call),
} as unknown as Policy; // a policy's other member is a type-level marker that no object has

const neverAborted = new AbortController().signal;

/** The connections to one member of the etcd cluster, made on first use. */
export class EtcdMember {
  readonly endpoint: EtcdEndpoint;
  readonly #config: EtcdConfig;
  #etcd: Etcd3 | undefined;
  #watch: etcdV3.WatchClient | undefined;

  constructor(endpoint: EtcdEndpoint, config: EtcdConfig) {
    this.endpoint = endpoint;
    this.#config = config;
  }

  /** The client for everything but watches. It logs in by itself when a user is configured. */
  get etcd(): Etcd3 {
    return this.load();
  }

  /** Makes the client, unless it is there. */
  load(): Etcd3 {
    const { user } = this.#config;
    const tls = this.endpoint.secure ? tlsMaterial(this.#config) : undefined;
    this.#etcd ??= new Etcd3({
      hosts: [`${this.endpoint.secure ? 'https' : 'http'}://${this.endpoint.address}`],
      grpcOptions: { ...channelOptions },
      faultHandling: { global: once, host: () => once },
      ...(tls === undefined ? {} : { credentials: tls }),
      ...(user === undefined ? {} : { auth: { ...user, callOptions: () => ({ deadline: Date.now() + 5000 }) } }),
    });
    return this.#etcd;
  }

  /** The client for watches. */
  get watch(): etcdV3.WatchClient {
    const credentials = channelCredentials(this.#config, this.endpoint.secure);
    this.#watch ??= new etcdV3.WatchClient(this.endpoint.address, credentials, channelOptions);
    return this.#watch;
  }

  /** What a watch sends along: a fresh token, and the wish to be told when the cluster has lost its leader. */
  async watchMetadata(): Promise<Metadata> {
    const metadata = new Metadata();
    metadata.set('hasleader', 'true');
    const { user } = this.#config;
    if (user !== undefined) {
      const answer = await this.etcd.auth.authenticate(
        { name: user.username, password: user.password },
        { deadline: Date.now() + 5000 },
      );
      metadata.set('token', answer.token);
    }
    return metadata;
  }

  /** Drops the connections and the login; the next call makes new ones. */
  reset(): void {
    this.#etcd?.close();
    this.#watch?.close();
    this.#etcd = undefined;
    this.#watch = undefined;
  }
}
