import type { BGPPeer } from '@calico-node/model';
import { tryParseIp, type Family, type IpAddress } from '@calico-node/net';
import { parseSelector, SelectorError } from '@calico-node/selector';
import { addressOf, type BgpNode } from './bgp-node.ts';
import type { Complain } from './resources.ts';

/** Somebody whom the rendering node must peer with, and the BGPPeer that says so. */
export interface PeerTarget {
  readonly ip: IpAddress;
  /** 0: 179. */
  readonly port: number;
  readonly asn: number;
  /** Of a node that reflects routes; empty otherwise. */
  readonly clusterId: string;
  /** Whether the address is one of our nodes'. */
  readonly isCalicoNode: boolean;
  readonly resource: BGPPeer;
}

const FAMILIES: readonly Family[] = [4, 6];

/** A node's sessions as seen from its peers: one for each of its BGP addresses of the given families. */
export function targetsOfNode(
  node: BgpNode,
  resource: BGPPeer,
  families: readonly Family[] = FAMILIES,
): readonly PeerTarget[] {
  return families.flatMap((family) => {
    const ip = addressOf(node, family);
    if (ip === undefined) return [];
    return { ip, port: node.listenPort, asn: node.asn, clusterId: node.clusterId, isCalicoNode: true, resource };
  });
}

/** A BGPPeer's `peerIP`: an address, `a.b.c.d:port` or `[v6]:port`. Port 0 where none is given. */
export function parsePeerIp(text: string): { readonly ip: IpAddress; readonly port: number } | undefined {
  const bare = tryParseIp(text);
  if (bare !== undefined) return { ip: bare, port: 0 };
  const match = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:]+)):(?<port>\d{1,5})$/.exec(text);
  const ip = tryParseIp(match?.groups?.['v6'] ?? match?.groups?.['v4'] ?? '');
  const port = Number(match?.groups?.['port'] ?? 0);
  return ip === undefined || port < 1 || port > 65535 ? undefined : { ip, port };
}

/** The nodes that a selector matches; none, with a complaint, when it can't be read. */
export function matchingNodes(
  selector: string,
  nodes: readonly BgpNode[],
  resource: BGPPeer,
  complain: Complain,
): readonly BgpNode[] {
  try {
    const parsed = parseSelector(selector);
    return nodes.filter((node) => parsed.evaluate(node.labels));
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    complain(`BGPPeer(${resource.metadata.name})`, `selector "${selector}": ${error.message}`);
    return [];
  }
}
