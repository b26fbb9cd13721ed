import { familyOf } from '@calico-node/net';
import { ip, ipAndPort, splitIpPort } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { selectorWithoutGlobal } from '../checks/selectors.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { boolean, duration, int32, oneOf, string, text, uint8 } from '../schema/scalars.ts';
import { always, optional, pointer, struct, type Report, type StructValue } from '../schema/struct.ts';
import { bgpPassword } from './bgp-secret.ts';
import { nonEmpty } from '../non-empty.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const selectorText = text(selectorWithoutGlobal);

const fields = {
  node: optional(string),
  nodeSelector: optional(selectorText),
  peerIP: optional(text(ipAndPort)),
  asNumber: optional(asNumber),
  localASNumber: pointer(asNumber),
  peerSelector: optional(selectorText),
  keepOriginalNextHop: optional(boolean),
  nextHopMode: pointer(oneOf('Auto', 'Self', 'Keep')),
  password: pointer(bgpPassword),
  sourceAddress: optional(oneOf('UseNodeIP', 'None')),
  maxRestartTime: pointer(duration),
  keepaliveTime: pointer(duration),
  numAllowedLocalASNumbers: pointer(int32(0)),
  ttlSecurity: pointer(uint8()),
  reachableBy: optional(text(ip)),
  filters: optional(list(string)),
  localWorkloadSelector: optional(selectorText),
  reversePeering: pointer(oneOf('Auto', 'Manual')),
};

type BGPPeerSpec = StructValue<typeof fields>;

export const bgpPeer = defineKind({
  kind: 'BGPPeer',
  plural: 'bgppeers',
  shortNames: ['bgpp', 'bgpps', 'bp', 'bps'],
  name: resourceName,
  columns: {
    get: ['NAME', 'PEERIP', 'NODE', 'ASN'],
    cells: {
      PEERIP: ({ spec }) => spec.peerIP ?? '',
      NODE: ({ spec }) => nonEmpty(spec.node) ?? nonEmpty(spec.nodeSelector) ?? '(global)',
      ASN: ({ spec }) => String(spec.asNumber ?? 0),
    },
  },
  body: { spec: always(struct('BGPPeerSpec', fields, checkExclusions, checkReachableBy)) },
});

export type BGPPeer = ResourceOfDefinition<typeof bgpPeer>;

function checkExclusions(spec: BGPPeerSpec, report: Report): void {
  const isSet = (field: keyof BGPPeerSpec): boolean => {
    const value = spec[field];
    return value !== undefined && value !== '' && value !== false && value !== 0;
  };
  const exclusive: readonly (readonly [keyof BGPPeerSpec, keyof BGPPeerSpec])[] = [
    ['node', 'nodeSelector'],
    ['peerIP', 'peerSelector'],
    ['asNumber', 'peerSelector'],
    ['keepOriginalNextHop', 'nextHopMode'],
    ['localWorkloadSelector', 'peerIP'],
    ['localWorkloadSelector', 'peerSelector'],
  ];
  for (const [field, other] of exclusive) {
    if (isSet(field) && isSet(other)) report([field], spec[field], `must not be set together with ${other}`);
  }
  if (isSet('localWorkloadSelector') && !isSet('asNumber')) {
    report(['asNumber'], spec.asNumber, 'is required where localWorkloadSelector is set');
  }
}

function checkReachableBy({ reachableBy = '', peerIP = '' }: BGPPeerSpec, report: Report): void {
  if (reachableBy === '') return;
  const peer = splitIpPort(peerIP);
  if (peer === undefined) report(['reachableBy'], reachableBy, 'needs peerIP');
  else if (familyOf(peer.ip) !== familyOf(reachableBy))
    report(['reachableBy'], reachableBy, 'must be of the same IP version as peerIP');
}
