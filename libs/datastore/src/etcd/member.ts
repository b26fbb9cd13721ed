import { clientOf, etcdV3, type GrpcChannel, type ServiceClient, type UnaryCallOptions } from '@calico-node/rpc';
import type { EtcdConfig } from '../config.ts';
import { openChannel } from './channel.ts';
import type { EtcdEndpoint } from './endpoints.ts';

/** How long a login may take, in milliseconds. */
const loginMs = 5000;

/** The connections to one member of the etcd cluster, made on first use. */
export class EtcdMember {
  readonly endpoint: EtcdEndpoint;
  readonly kv: ServiceClient<typeof etcdV3.KVDefinition>;
  readonly lease: ServiceClient<typeof etcdV3.LeaseDefinition>;
  /** Watches have a connection of their own. */
  readonly watchChannel: GrpcChannel;
  readonly #auth: ServiceClient<typeof etcdV3.AuthDefinition>;
  readonly #channel: GrpcChannel;
  readonly #user: EtcdConfig['user'];
  #token: Promise<string> | undefined;

  constructor(endpoint: EtcdEndpoint, config: EtcdConfig) {
    this.endpoint = endpoint;
    this.#user = config.user;
    this.#channel = openChannel(config, endpoint);
    this.watchChannel = openChannel(config, endpoint);
    this.kv = clientOf(etcdV3.KVDefinition, this.#channel);
    this.lease = clientOf(etcdV3.LeaseDefinition, this.#channel);
    this.#auth = clientOf(etcdV3.AuthDefinition, this.#channel);
  }

  /** What a call sends along and how long it may take; logs in first, where a user is configured. */
  async callOptions(deadline: number): Promise<UnaryCallOptions> {
    if (this.#user === undefined) return { timeoutMs: deadline - Date.now() };
    this.#token ??= this.#logIn();
    const token = await this.#token;
    return { timeoutMs: deadline - Date.now(), metadata: { token } };
  }

  /** What a watch sends along: a fresh token, and the wish to be told when the cluster has lost its leader. */
  async watchMetadata(): Promise<Readonly<Record<string, string>>> {
    const hasLeader = { hasleader: 'true' };
    return this.#user === undefined ? hasLeader : { ...hasLeader, token: await this.#logIn() };
  }

  /** Forgets the login; the next call makes a new one. */
  logOut(): void {
    this.#token = undefined;
  }

  /** Leaves the connections and the login; the next call makes new ones. What is under way may end. */
  reset(): void {
    this.logOut();
    this.#channel.renew();
    this.watchChannel.renew();
  }

  /** Drops the connections for good. */
  close(): void {
    this.#channel.close();
    this.watchChannel.close();
  }

  async #logIn(): Promise<string> {
    const { username: name = '', password = '' } = this.#user ?? {};
    try {
      const { token } = await this.#auth.authenticate({ name, password }, { timeoutMs: loginMs });
      return token;
    } catch (error) {
      this.logOut();
      throw error;
    }
  }
}
