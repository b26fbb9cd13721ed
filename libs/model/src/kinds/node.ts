import { cidrV4, cidrV6, ip, ipv4, ipv6, mac, wireguardKey } from '../checks/nets.ts';
import { resourceName } from '../checks/names.ts';
import { list } from '../schema/containers.ts';
import { asNumber } from '../schema/numorstring.ts';
import { oneOf, string, text } from '../schema/scalars.ts';
import { noted } from '../schema/schema.ts';
import { always, optional, pointer, struct, type Report } from '../schema/struct.ts';
import { defineKind, type ResourceOfDefinition } from './definition.ts';

const nodeBgpSpec = struct(
  'NodeBGPSpec',
  {
    asNumber: pointer(asNumber, { unset: "the cluster's", description: "The node's AS number." }),
    ipv4Address: optional(text(cidrV4), "The node's IPv4 address with the prefix length of its network."),
    ipv6Address: optional(text(cidrV6), "The node's IPv6 address with the prefix length of its network."),
    ipv4IPIPTunnelAddr: optional(text(ipv4), 'The address of its IP-in-IP device.'),
    routeReflectorClusterID: optional(
      text(ipv4),
      'Makes the node a route reflector of that cluster; written as an IPv4 address.',
    ),
  },
  noted('at least one field', (bgp: object, report: Report) => {
    const isEmpty = Object.values(bgp).every((value) => value === undefined || value === '');
    if (isEmpty) report([], bgp, 'must have at least one field');
  }),
);

const nodeSpec = struct('NodeSpec', {
  bgp: pointer(nodeBgpSpec, 'What the node needs to speak BGP.'),
  ipv4VXLANTunnelAddr: optional(text(ipv4), 'The address of its VXLAN device for IPv4.'),
  vxlanTunnelMACAddr: optional(text(mac), 'The MAC of that device.'),
  ipv6VXLANTunnelAddr: optional(text(ipv6), 'The address of its VXLAN device for IPv6.'),
  vxlanTunnelMACAddrV6: optional(text(mac), 'The MAC of that device.'),
  orchRefs: optional(
    list(
      struct('OrchRef', {
        nodeName: optional(string, "The orchestrator's name for the node."),
        orchestrator: always(string, { mandatory: true, description: 'The orchestrator, such as `k8s`.' }),
      }),
    ),
    'What orchestrators call the node.',
  ),
  wireguard: pointer(
    struct('NodeWireguardSpec', {
      interfaceIPv4Address: optional(text(ipv4), 'The IPv4 address of the WireGuard device.'),
      interfaceIPv6Address: optional(text(ipv6), 'The IPv6 address of the WireGuard device.'),
    }),
    "The node's addresses within WireGuard.",
  ),
  addresses: optional(
    list(
      struct('NodeAddress', {
        address: always(string, { mandatory: true, description: 'The address.' }),
        type: optional(oneOf('CalicoNodeIP', 'InternalIP', 'ExternalIP'), 'Who says so.'),
      }),
    ),
    'All addresses that are known of the node.',
  ),
  interfaces: optional(
    list(
      struct('NodeInterface', {
        name: optional(string, "The interface's name."),
        addresses: optional(list(text(ip)), 'Its addresses.'),
      }),
    ),
    "The node's interfaces, for peerings that choose by them.",
  ),
});

export const node = defineKind({
  kind: 'Node',
  name: resourceName,
  docs: {
    summary: 'A machine of the cluster, with its addresses and what its peers must know.',
    example: {
      metadata: { name: 'node-1', labels: { rack: 'rack-1' } },
      spec: { bgp: { ipv4Address: '192.0.2.10/24' }, orchRefs: [{ nodeName: 'node-1', orchestrator: 'k8s' }] },
    },
    storeRules: [
      'with a Node go its workload endpoints and their addresses, its blocks, its BGPPeers, its HostEndpoints, and the FelixConfiguration and BGPConfiguration `node.<name>`',
    ],
  },
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
        wireguardPublicKey: optional(text(wireguardKey), 'The public key of WireGuard over IPv4.'),
        wireguardPublicKeyV6: optional(text(wireguardKey), 'The public key of WireGuard over IPv6.'),
        podCIDRs: optional(list(string), 'Networks that Kubernetes gave the node for pods.'),
      }),
    ),
  },
});

export type Node = ResourceOfDefinition<typeof node>;
