import type { NodeName } from '@calico-node/net';
import type { Logger } from '@calico-node/service';
import type { EndpointStore } from '@calico-node/workload';
import type { NetworkConfig } from '../config.ts';
import type { NetworkStore } from './network-store.ts';

/** What the network driver's methods work with. None of it is state: that is in the store and in the kernel. */
export interface NetworkContext {
  readonly node: NodeName;
  readonly config: NetworkConfig;
  readonly networks: NetworkStore;
  readonly endpoints: EndpointStore;
  readonly log: Logger;
  /** Called when an endpoint has joined a container, whose labels can then be asked for. */
  readonly onJoined: (networkId: string, endpointId: string) => void;
}
