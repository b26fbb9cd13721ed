import { cidrV4, cidrV6, ip, ipv4, ipv6, mac, wireguardKey } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { oneOf, string, text } from '../schema/scalars.ts';
import { always, optional, pointer, struct } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const nodeBgpSpec = struct(
  'NodeBGPSpec',
  {
    asNumber: pointer(asNumber),
    ipv4Address: optional(text(cidrV4)),
    ipv6Address: optional(text(cidrV6)),
    ipv4IPIPTunnelAddr: optional(text(ipv4)),
    routeReflectorClusterID: optional(text(ipv4)),
  },
  (bgp, report) => {
    const isEmpty = Object.values(bgp).every((value) => value === undefined || value === '');
    if (isEmpty) report([], bgp, 'must have at least one field');
  },
);

const nodeSpec = struct('NodeSpec', {
  bgp: pointer(nodeBgpSpec),
  ipv4VXLANTunnelAddr: optional(text(ipv4)),
  vxlanTunnelMACAddr: optional(text(mac)),
  ipv6VXLANTunnelAddr: optional(text(ipv6)),
  vxlanTunnelMACAddrV6: optional(text(mac)),
  orchRefs: optional(
    list(struct('OrchRef', { nodeName: optional(string), orchestrator: always(string, { mandatory: true }) })),
  ),
  wireguard: pointer(
    struct('NodeWireguardSpec', {
      interfaceIPv4Address: optional(text(ipv4)),
      interfaceIPv6Address: optional(text(ipv6)),
    }),
  ),
  addresses: optional(
    list(
      struct('NodeAddress', {
        address: always(string, { mandatory: true }),
        type: optional(oneOf('CalicoNodeIP', 'InternalIP', 'ExternalIP')),
      }),
    ),
  ),
  interfaces: optional(list(struct('NodeInterface', { name: optional(string), addresses: optional(list(text(ip))) }))),
});

export const node = defineKind({
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no', 'nos'],
  name: resourceName,
  columns: {
    get: ['NAME'],
    wide: ['NAME', 'ASN', 'IPV4', 'IPV6'],
    cells: {
      ASN: ({ spec: { bgp } }, { asNumber }) => (bgp === undefined ? '' : String(bgp.asNumber ?? `(${asNumber})`)),
      IPV4: ({ spec }) => spec.bgp?.ipv4Address ?? '',
      IPV6: ({ spec }) => spec.bgp?.ipv6Address ?? '',
    },
  },
  body: {
    spec: always(nodeSpec),
    status: optional(
      struct('NodeStatus', {
        wireguardPublicKey: optional(text(wireguardKey)),
        wireguardPublicKeyV6: optional(text(wireguardKey)),
        podCIDRs: optional(list(string)),
      }),
    ),
  },
});

export type Node = ResourceOfDefinition<typeof node>;
