import type { EndpointDraft } from '@calico-node/datastore';
import type { IpAddress } from '@calico-node/net';
import type { Assigned } from '../auto-assign.ts';
import type { IntendedUse } from '../pools.ts';

/** Addresses for a handle that has none yet. */
export interface WarmAssign {
  readonly type: 'assign';
  readonly num4: number;
  readonly num6: number;
  readonly handleId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly ipv4Pools: readonly string[];
  readonly ipv6Pools: readonly string[];
  readonly use: Exclude<IntendedUse, 'LoadBalancer'>;
  /** How many blocks the node may have for it; absent or 0: as many as the configuration says. */
  readonly maxBlocksPerHost?: number;
  /** Of the workload's namespace; without them pools that select by namespace are left to `Ipam`. */
  readonly namespaceLabels?: Readonly<Record<string, string>> | undefined;
  /** A workload endpoint that is created in the same step, with the addresses as its networks. */
  readonly endpoint?: EndpointDraft;
}

/** Everything that a handle holds, given back. */
export interface WarmRelease {
  readonly type: 'release';
  readonly handleId: string;
}

export type WarmRequest = WarmAssign | WarmRelease;

/** `unserved`: nothing was changed for it, and it has to be asked of `Ipam`. */
export type WarmOutcome =
  | {
      readonly type: 'assigned';
      readonly ipv4: readonly Assigned[];
      readonly ipv6: readonly Assigned[];
      /** The revision at which the endpoint was created; absent: it exists, or a premise of it does not hold. */
      readonly endpointRevision?: bigint;
    }
  | { readonly type: 'released'; readonly ips: readonly IpAddress[] }
  | { readonly type: 'unserved' };

export const unserved: WarmOutcome = { type: 'unserved' };
