import { decodeValue } from '../ipam/codec.ts';
import { list } from '../schema/containers.ts';
import { boolean, float, string } from '../schema/scalars.ts';
import type { Infer } from '../schema/schema.ts';
import { always, optional, struct } from '../schema/struct.ts';

/*
 * What Felix reports into the store.
 */

const felixStatus = struct('StatusReport', {
  /** ISO 8601 time of the report. */
  time: always(string),
  /** Seconds since Felix started. */
  uptime: always(float),
  /** Until the first report was stored. */
  first_update: always(boolean),
});

export type FelixStatus = Infer<typeof felixStatus>;

export function encodeFelixStatus(status: FelixStatus): string {
  return felixStatus.encode(status);
}

/** Throws ValidationError. */
export function decodeFelixStatus(text: string): FelixStatus {
  return decodeValue(felixStatus, text);
}

/** `up`, `down` or `error`, of a workload or host endpoint. */
const endpointStatus = struct('EndpointStatus', { status: always(string) });

export type EndpointStatus = Infer<typeof endpointStatus>;

export function encodeEndpointStatus(status: EndpointStatus): string {
  return endpointStatus.encode(status);
}

/** Throws ValidationError. */
export function decodeEndpointStatus(text: string): EndpointStatus {
  return decodeValue(endpointStatus, text);
}

/** What the file of a programmed workload endpoint says of it, beside being there. */
const endpointStatusFile = struct('WorkloadEndpointStatus', {
  ifaceName: optional(string),
  mac: optional(string),
  ipv4Nets: optional(list(string)),
  ipv6Nets: optional(list(string)),
  /** The BGPPeer by which the workload is the node's peer. */
  bgpPeerName: optional(string),
});

export function encodeEndpointStatusFile(status: Infer<typeof endpointStatusFile>): string {
  return endpointStatusFile.encode(status);
}
