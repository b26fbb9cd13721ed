import { resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { int, oneOf, string, timeOrZero, uint32 } from '../schema/scalars.ts';
import { always, alwaysPrinted, optional, pointer, struct } from '../schema/struct.ts';
import { joined } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const DAY_SECONDS = 86_400;

const bgpDaemonStatus = struct('BGPDaemonStatus', {
  state: optional(oneOf('Ready', 'NotReady'), 'Whether it is ready.'),
  version: optional(string, 'Its version.'),
  routerID: optional(string, 'Its BGP identifier.'),
  lastBootTime: optional(string, 'When it started.'),
  lastReconfigurationTime: optional(string, 'When it last read its configuration.'),
});

const peer = struct('CalicoNodePeer', {
  peerIP: optional(string, "The peer's address."),
  type: optional(oneOf('NodeMesh', 'NodePeer', 'GlobalPeer'), 'Why there is a session.'),
  state: optional(
    oneOf('Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'Close'),
    "The session's state.",
  ),
  since: optional(string, 'Since when.'),
});

const route = struct('CalicoNodeRoute', {
  type: optional(oneOf('FIB', 'RIB'), 'Whether the kernel has it (FIB), or the daemon alone (RIB).'),
  destination: optional(string, 'The network.'),
  gateway: optional(string, 'The next hop.'),
  interface: optional(string, 'The interface out.'),
  learnedFrom: optional(
    struct('CalicoNodeRouteLearnedFrom', {
      sourceType: optional(oneOf('Kernel', 'Static', 'Direct', 'NodeMesh', 'BGPPeer'), 'The kind of source.'),
      peerIP: optional(string, 'The peer, where it is one.'),
    }),
    'Where it comes from.',
  ),
});

export const calicoNodeStatus = defineKind({
  kind: 'CalicoNodeStatus',
  name: resourceName,
  docs: {
    summary: 'Asks a node to report on its BGP daemons, sessions and routes, and holds the report.',
    example: {
      metadata: { name: 'node-1' },
      spec: { node: 'node-1', classes: ['Agent', 'BGP', 'Routes'], updatePeriodSeconds: 10 },
    },
  },
  columns: {
    get: ['NAME', 'NODE'],
    wide: ['NAME', 'NODE', 'CLASSES'],
    cells: { NODE: ({ spec }) => spec.node ?? '', CLASSES: ({ spec }) => joined(spec.classes) },
  },
  body: {
    spec: always(
      struct('CalicoNodeStatusSpec', {
        node: optional(string, { mandatory: true, description: 'The node to report on.' }),
        classes: optional(list(oneOf('Agent', 'BGP', 'Routes'), { uniqueBy: (name) => name }), 'What to report.'),
        /** 0 asks for no more updates. */
        updatePeriodSeconds: pointer(uint32(0, DAY_SECONDS), {
          mandatory: true,
          description: 'Seconds between reports; 0 asks for no more.',
        }),
      }),
    ),
    status: alwaysPrinted(
      struct('CalicoNodeStatusStatus', {
        lastUpdated: always(timeOrZero, 'When the report was made.'),
        agent: always(
          struct('CalicoNodeAgentStatus', {
            birdV4: always(bgpDaemonStatus, 'The daemon for IPv4.'),
            birdV6: always(bgpDaemonStatus, 'The daemon for IPv6.'),
          }),
          'The BGP daemons.',
        ),
        bgp: always(
          struct('CalicoNodeBGPStatus', {
            numberEstablishedV4: always(int(), 'IPv4 sessions that are up.'),
            numberNotEstablishedV4: always(int(), 'IPv4 sessions that are not.'),
            numberEstablishedV6: always(int(), 'IPv6 sessions that are up.'),
            numberNotEstablishedV6: always(int(), 'IPv6 sessions that are not.'),
            peersV4: optional(list(peer), 'Each IPv4 session.'),
            peersV6: optional(list(peer), 'Each IPv6 session.'),
          }),
          'The BGP sessions.',
        ),
        routes: always(
          struct('CalicoNodeBGPRouteStatus', {
            routesV4: optional(list(route), 'Each IPv4 route.'),
            routesV6: optional(list(route), 'Each IPv6 route.'),
          }),
          'The routes.',
        ),
      }),
    ),
  },
});

export type CalicoNodeStatus = ResourceOfDefinition<typeof calicoNodeStatus>;
