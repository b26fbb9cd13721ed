import type { Node } from '@calico-node/model';
import { familyOf, tryParseIp, type Cidr, type Family, type IpAddress } from '@calico-node/net';
import { labelsOf, type Labels } from '@calico-node/selector';
import { byName, givenAsn, readCidr, type BgpResources, type Complain } from './resources.ts';
import type { Settings } from './settings.ts';

/** A node as a BGP speaker. */
export interface BgpNode {
  readonly name: string;
  readonly labels: Labels;
  readonly ipv4: IpAddress | undefined;
  readonly ipv6: IpAddress | undefined;
  /** The subnets that the node's addresses are in, where it says so. */
  readonly subnet4: Cidr | undefined;
  readonly subnet6: Cidr | undefined;
  /** Its own AS number, or the global one. */
  readonly asn: number;
  /** Dotted quad of a route reflector; empty otherwise. */
  readonly clusterId: string;
  /** 0: 179. */
  readonly listenPort: number;
}

/** The nodes in the order of their names. An address that can't be read counts as none. */
export function bgpNodes(nodes: BgpResources['nodes'], settings: Settings, complain: Complain): readonly BgpNode[] {
  return byName(nodes).map((node) => {
    const { name } = node.metadata;
    const bgp = node.spec.bgp;
    return {
      name,
      labels: labelsOf(node.metadata.labels ?? {}),
      ipv4: addressIn(node, 4, bgp?.ipv4Address, complain),
      ipv6: addressIn(node, 6, bgp?.ipv6Address, complain),
      subnet4: subnetIn(bgp?.ipv4Address),
      subnet6: subnetIn(bgp?.ipv6Address),
      asn: givenAsn(bgp?.asNumber) ?? settings.globalAsn,
      clusterId: bgp?.routeReflectorClusterID ?? '',
      listenPort: settings.listenPortOf(name),
    };
  });
}

export function addressOf(node: BgpNode, family: Family): IpAddress | undefined {
  return family === 4 ? node.ipv4 : node.ipv6;
}

/** The network of an address with a prefix length. */
export function subnetIn(text: string | undefined): Cidr | undefined {
  return text?.includes('/') === true ? readCidr(text, '', () => undefined) : undefined;
}

function addressIn(node: Node, family: Family, text: string | undefined, complain: Complain): IpAddress | undefined {
  if (text === undefined || text === '') return undefined;
  const ip = tryParseIp(text.split('/', 1)[0] ?? '');
  if (ip !== undefined && familyOf(ip) === family && ip !== '0.0.0.0' && ip !== '::') return ip;
  complain(`Node(${node.metadata.name})`, `BGP address "${text}" is not an IPv${family} address: ignored`);
  return undefined;
}
