import type { NodeName } from '@calico-node/net';
import type { NetnsRef } from '@calico-node/netlink';
import { ConntrackSocket } from '@calico-node/netlink/conntrack';
import type { felixV1 } from '@calico-node/rpc';

/** Of some 70 bytes each, so that the answer stays below the 4 MiB that a gRPC client takes. */
const MAX_CONNECTIONS = 40_000;

/** Answers ListConnections from the kernel. */
export function listConnections({
  hostname,
  netns,
}: {
  readonly hostname: NodeName;
  readonly netns?: NetnsRef;
}): felixV1.ListConnectionsResponse {
  using socket = ConntrackSocket.open(netns === undefined ? {} : { netns });
  const flows = [...socket.list(4), ...socket.list(6)].filter(({ source, destination }) => source !== destination);
  return {
    node: hostname,
    connections: flows.slice(0, MAX_CONNECTIONS).map((flow) => ({
      protocol: flow.protocol,
      source: flow.source,
      destination: flow.destination,
      sourcePort: flow.sourcePort ?? 0,
      destinationPort: flow.destinationPort ?? 0,
      icmpType: flow.icmpType ?? 0,
      icmpCode: flow.icmpCode ?? 0,
    })),
    leftOff: Math.max(0, flows.length - MAX_CONNECTIONS),
  };
}
