import type { WorkloadEndpoint } from '@calico-node/model';
import type { Cidr, IpAddress, Mac } from '@calico-node/net';

type Spec = WorkloadEndpoint['spec'];

/** A virtual machine that keeps its addresses, and the pod's part in it. Texts are empty where there is no such thing. */
export interface Machine {
  /** Of the machine and of its instance. */
  readonly name: string;
  readonly instanceUid: string;
  readonly machineUid: string;
  /** Of the move to this pod. */
  readonly migrationUid: string;
}

/** What an attachment asks for beyond the network configuration. */
export interface Wishes {
  /** Names or CIDRs, instead of the configuration's. */
  readonly ipv4Pools?: readonly string[];
  readonly ipv6Pools?: readonly string[];
  /** Of the pod's namespace, by which pools may select. */
  readonly namespaceLabels?: Readonly<Record<string, string>>;
  /** Instead of the configuration's. */
  readonly families?: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** These addresses, from IPAM. */
  readonly addresses?: readonly IpAddress[];
  /** These addresses, and IPAM is not asked. */
  readonly addressesWithoutIpam?: readonly IpAddress[];
  readonly floatingIps?: readonly IpAddress[];
  readonly mac?: Mac;
  readonly allowedSourcePrefixes?: readonly Cidr[];
  /** Whose addresses they are. */
  readonly machine?: Machine;
}

/** What is known of a workload besides its names: what its endpoint is made of, and what it asks for. */
export interface Description {
  /**
   * Whose word it is. `configuration`: labels and the network's profile are added to what an endpoint has already.
   * `orchestrator`: labels and profiles are exactly these.
   */
  readonly source: 'configuration' | 'orchestrator';
  readonly labels: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  readonly generateName?: string;
  readonly serviceAccountName?: string;
  readonly ports?: NonNullable<Spec['ports']>;
  readonly qosControls?: NonNullable<Spec['qosControls']>;
  /** A pod's, as they are. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly wishes: Wishes;
}
