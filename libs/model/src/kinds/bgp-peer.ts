import { familyOf } from '@calico-node/net';
import { ip, ipAndPort, splitIpPort } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { noted } from '../schema/schema.ts';
import { boolean, duration, int32, oneOf, string, text, uint8 } from '../schema/scalars.ts';
import { always, optional, pointer, struct, type Report, type StructValue } from '../schema/struct.ts';
import { bgpPassword } from './bgp-secret.ts';
import { nonEmpty } from '../non-empty.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const selectorText = text(selectorWithoutGlobal);

const fields = {
  node: optional(string, 'The one node that peers; without it and nodeSelector, every node does.'),
  nodeSelector: optional(selectorText, 'The nodes that peer.'),
  peerIP: optional(text(ipAndPort), "The peer's address, with a port where it is not 179."),
  asNumber: optional(asNumber, { unset: "the cluster's AS number", description: "The peer's AS number." }),
  localASNumber: pointer(asNumber, 'The AS number that we show this peer.'),
  peerSelector: optional(selectorText, 'The nodes that are the peers, instead of peerIP.'),
  keepOriginalNextHop: optional(boolean, 'Older form of `nextHopMode: Keep`.'),
  nextHopMode: pointer(oneOf('Auto', 'Self', 'Keep'), {
    unset: 'Auto',
    description:
      "What next hop routes to an external peer carry: BGP's usual, always ourselves, or the one they came with.",
  }),
  password: pointer(bgpPassword, 'The TCP MD5 password of the session.'),
  sourceAddress: optional(oneOf('UseNodeIP', 'None'), {
    unset: 'UseNodeIP',
    description: "Whether the session starts from the node's BGP address or what the kernel chooses.",
  }),
  maxRestartTime: pointer(duration, "How long the peer's routes are kept while it restarts (graceful restart)."),
  keepaliveTime: pointer(duration, 'How often to say that we are alive.'),
  numAllowedLocalASNumbers: pointer(int32(0), 'How often our own AS number may be in a path that is accepted.'),
  ttlSecurity: pointer(uint8(), 'How many hops away the peer may be at most (GTSM); 1 for a neighbour on the link.'),
  reachableBy: optional(text(ip), 'The gateway through which the peer is reached.'),
  filters: optional(list(string), "BGPFilters that the peer's routes pass, in order."),
  localWorkloadSelector: optional(selectorText, 'The workloads on the same node that are the peers.'),
  reversePeering: pointer(oneOf('Auto', 'Manual'), {
    unset: 'Auto',
    description: 'Whether the peers that peerSelector selects get a session back by themselves.',
  }),
  // These two are Calico Enterprise's.
  failureDetectionMode: optional(oneOf('None', 'BFDIfDirectlyConnected'), {
    unset: 'None',
    description: 'Whether BFD watches the path to a peer on a network of the node.',
  }),
  restartMode: optional(oneOf('GracefulRestart', 'LongLivedGracefulRestart'), {
    unset: 'GracefulRestart',
    description: "How the peer's routes are kept while it restarts: as they are, or as the last resort but for longer.",
  }),
};

type BGPPeerSpec = StructValue<typeof fields>;

const EXCLUSIVE: readonly (readonly [keyof BGPPeerSpec, keyof BGPPeerSpec])[] = [
  ['node', 'nodeSelector'],
  ['peerIP', 'peerSelector'],
  ['asNumber', 'peerSelector'],
  ['keepOriginalNextHop', 'nextHopMode'],
  ['localWorkloadSelector', 'peerIP'],
  ['localWorkloadSelector', 'peerSelector'],
];

export const bgpPeer = defineKind({
  kind: 'BGPPeer',
  name: resourceName,
  docs: {
    summary: 'A BGP session of one node, some nodes or all nodes with a router or with other nodes.',
    example: {
      metadata: { name: 'rack-1-tor' },
      spec: { nodeSelector: "rack == 'rack-1'", peerIP: '192.0.2.1', asNumber: 64567 },
    },
  },
  columns: {
    get: ['NAME', 'PEERIP', 'NODE', 'ASN'],
    cells: {
      PEERIP: ({ spec }) => spec.peerIP ?? '',
      NODE: ({ spec }) => nonEmpty(spec.node) ?? nonEmpty(spec.nodeSelector) ?? '(global)',
      ASN: ({ spec }) => String(spec.asNumber ?? 0),
    },
  },
  body: {
    spec: always(
      struct(
        'BGPPeerSpec',
        fields,
        noted(`not together: ${EXCLUSIVE.map((pair) => pair.join(' and ')).join(', ')}`, checkExclusions),
        noted('asNumber is required with localWorkloadSelector', checkLocalWorkload),
        noted('reachableBy only with a peerIP of the same IP version', checkReachableBy),
      ),
    ),
  },
});

export type BGPPeer = ResourceOfDefinition<typeof bgpPeer>;

function checkExclusions(spec: BGPPeerSpec, report: Report): void {
  const isSet = (field: keyof BGPPeerSpec): boolean => {
    const value = spec[field];
    return value !== undefined && value !== '' && value !== false && value !== 0;
  };
  for (const [field, other] of EXCLUSIVE) {
    if (isSet(field) && isSet(other)) report([field], spec[field], `must not be set together with ${other}`);
  }
}

function checkLocalWorkload({ localWorkloadSelector = '', asNumber = 0 }: LocalPeering, report: Report): void {
  if (localWorkloadSelector !== '' && asNumber === 0) {
    report(['asNumber'], asNumber, 'is required where localWorkloadSelector is set');
  }
}

interface LocalPeering {
  readonly localWorkloadSelector?: string | undefined;
  readonly asNumber?: number | undefined;
}

function checkReachableBy({ reachableBy = '', peerIP = '' }: BGPPeerSpec, report: Report): void {
  if (reachableBy === '') return;
  const peer = splitIpPort(peerIP);
  if (peer === undefined) report(['reachableBy'], reachableBy, 'needs peerIP');
  else if (familyOf(peer.ip) !== familyOf(reachableBy))
    report(['reachableBy'], reachableBy, 'must be of the same IP version as peerIP');
}
