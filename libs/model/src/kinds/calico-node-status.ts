import { resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { int, oneOf, string, time, uint32 } from '../schema/scalars.ts';
import { always, alwaysPrinted, optional, pointer, struct } from '../schema/struct.ts';
import { joined } from './columns.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const DAY_SECONDS = 86_400;

const bgpDaemonStatus = struct('BGPDaemonStatus', {
  state: optional(oneOf('Ready', 'NotReady')),
  version: optional(string),
  routerID: optional(string),
  lastBootTime: optional(string),
  lastReconfigurationTime: optional(string),
});

const peer = struct('CalicoNodePeer', {
  peerIP: optional(string),
  type: optional(oneOf('NodeMesh', 'NodePeer', 'GlobalPeer')),
  state: optional(oneOf('Idle', 'Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established', 'Close')),
  since: optional(string),
});

const route = struct('CalicoNodeRoute', {
  type: optional(oneOf('FIB', 'RIB')),
  destination: optional(string),
  gateway: optional(string),
  interface: optional(string),
  learnedFrom: optional(
    struct('CalicoNodeRouteLearnedFrom', {
      sourceType: optional(oneOf('Kernel', 'Static', 'Direct', 'NodeMesh', 'BGPPeer')),
      peerIP: optional(string),
    }),
  ),
});

export const calicoNodeStatus = defineKind({
  kind: 'CalicoNodeStatus',
  plural: 'caliconodestatuses',
  shortNames: ['nodestatus', 'nodestatuses'],
  name: resourceName,
  columns: {
    get: ['NAME', 'NODE'],
    wide: ['NAME', 'NODE', 'CLASSES'],
    cells: { NODE: ({ spec }) => spec.node ?? '', CLASSES: ({ spec }) => joined(spec.classes) },
  },
  body: {
    spec: always(
      struct('CalicoNodeStatusSpec', {
        node: optional(string, { mandatory: true }),
        classes: optional(list(oneOf('Agent', 'BGP', 'Routes'), { uniqueBy: (name) => name })),
        /** 0 asks for no more updates. */
        updatePeriodSeconds: pointer(uint32(0, DAY_SECONDS), { mandatory: true }),
      }),
    ),
    status: alwaysPrinted(
      struct('CalicoNodeStatusStatus', {
        lastUpdated: always(time),
        agent: always(
          struct('CalicoNodeAgentStatus', { birdV4: always(bgpDaemonStatus), birdV6: always(bgpDaemonStatus) }),
        ),
        bgp: always(
          struct('CalicoNodeBGPStatus', {
            numberEstablishedV4: always(int()),
            numberNotEstablishedV4: always(int()),
            numberEstablishedV6: always(int()),
            numberNotEstablishedV6: always(int()),
            peersV4: optional(list(peer)),
            peersV6: optional(list(peer)),
          }),
        ),
        routes: always(
          struct('CalicoNodeBGPRouteStatus', { routesV4: optional(list(route)), routesV6: optional(list(route)) }),
        ),
      }),
    ),
  },
});

export type CalicoNodeStatus = ResourceOfDefinition<typeof calicoNodeStatus>;
