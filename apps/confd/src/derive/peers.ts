/**
 * Which sessions the BGPPeer resources ask of one node (Calico's `updatePeersV1`, calico-confd 6.2):
 *
 * 1. A BGPPeer without `node` and `nodeSelector` is global: every node peers so.
 * 2. Others concern the nodes they select; a global session with the same address and port wins.
 * 3. Unless `reversePeering` is Manual, a node that is itself the remote side (by `peerSelector`, or
 *    by its own address in `peerIP`) peers back with the nodes that peer with it.
 *
 * Among equals the BGPPeer with the lowest name wins.
 */
import type { BGPPeer } from '@calico-node/model';
import { familyOf, type Family } from '@calico-node/net';
import type { BgpNode } from './bgp-node.ts';
import { matchingNodes, parsePeerIp, targetsOfNode, type PeerTarget } from './peer-target.ts';
import { byName, givenAsn, type BgpResources, type Complain } from './resources.ts';

export interface PeerTargets {
  readonly global: readonly PeerTarget[];
  readonly node: readonly PeerTarget[];
}

interface Scope {
  readonly me: BgpNode;
  readonly nodes: readonly BgpNode[];
  readonly globalAsn: number;
  readonly complain: Complain;
}

export function peerTargets(
  peers: BgpResources['peers'],
  me: BgpNode,
  nodes: readonly BgpNode[],
  globalAsn: number,
  complain: Complain,
): PeerTargets {
  const scope: Scope = { me, nodes, globalAsn, complain };
  const resources = byName(peers).filter((peer) => !isForWorkloads(peer));
  const global = new Map<string, PeerTarget>();
  const node = new Map<string, PeerTarget>();
  const addToNode = (targets: readonly PeerTarget[]): void => {
    for (const target of targets) if (!global.has(keyOf(target))) setIfAbsent(node, target);
  };
  for (const peer of resources.filter(isGlobal)) {
    for (const target of remoteSide(peer, scope)) setIfAbsent(global, target);
  }
  for (const peer of resources) {
    if (!isGlobal(peer) && localSide(peer, scope).includes(me)) addToNode(remoteSide(peer, scope));
  }
  for (const peer of resources) {
    if (peer.spec.reversePeering !== 'Manual') addToNode(reversed(peer, scope));
  }
  return { global: [...global.values()], node: [...node.values()] };
}

/** Whether the BGPPeer is for workloads on the nodes that it tells to peer. */
export function isForWorkloads({ spec }: BGPPeer): boolean {
  return (spec.localWorkloadSelector ?? '') !== '';
}

/** The BGPPeers for workloads that concern the rendering node, in the order of their names. */
export function workloadPeers(peers: BgpResources['peers'], me: BgpNode, complain: Complain): readonly BGPPeer[] {
  const scope: Scope = { me, nodes: [me], globalAsn: me.asn, complain };
  return byName(peers).filter((peer) => isForWorkloads(peer) && localSide(peer, scope).includes(me));
}

function subjectOf(peer: BGPPeer): string {
  return `BGPPeer(${peer.metadata.name})`;
}

function isGlobal(peer: BGPPeer): boolean {
  return (peer.spec.node ?? '') === '' && (peer.spec.nodeSelector ?? '') === '';
}

function keyOf(target: PeerTarget): string {
  return `${target.ip} ${target.port}`;
}

function setIfAbsent(targets: Map<string, PeerTarget>, target: PeerTarget): void {
  const key = keyOf(target);
  if (!targets.has(key)) targets.set(key, target);
}

/** The nodes that the BGPPeer tells to peer. */
function localSide(peer: BGPPeer, { nodes, complain }: Scope): readonly BgpNode[] {
  const { nodeSelector = '', node = '' } = peer.spec;
  if (nodeSelector !== '') return matchingNodes(nodeSelector, nodes, peer, complain);
  return node === '' ? nodes : nodes.filter((candidate) => candidate.name === node);
}

/** Whom it tells them to peer with. */
function remoteSide(peer: BGPPeer, scope: Scope): readonly PeerTarget[] {
  const { peerSelector = '', peerIP = '' } = peer.spec;
  if (peerSelector !== '') {
    const remotes = matchingNodes(peerSelector, scope.nodes, peer, scope.complain);
    return remotes.flatMap((remote) => targetsOfNode(remote, peer));
  }
  const address = parsePeerIp(peerIP);
  if (address === undefined) {
    scope.complain(
      subjectOf(peer),
      peerIP === '' ? 'neither peerIP nor peerSelector' : `peerIP "${peerIP}" is malformed`,
    );
    return [];
  }
  const asn = asnOf(peer, scope);
  const node = scope.nodes.find((candidate) => candidate.ipv4 === address.ip || candidate.ipv6 === address.ip);
  return [
    {
      ip: address.ip,
      port: address.port === 0 && node?.asn === asn ? node.listenPort : address.port,
      asn,
      clusterId: '',
      isCalicoNode: node !== undefined,
      resource: peer,
    },
  ];
}

/** Whom I must peer with because the BGPPeer tells them to peer with me. */
function reversed(peer: BGPPeer, scope: Scope): readonly PeerTarget[] {
  const families = familiesInWhichIAmRemote(peer, scope);
  if (families.length === 0) return [];
  return localSide(peer, scope).flatMap((node) => (node === scope.me ? [] : targetsOfNode(node, peer, families)));
}

function familiesInWhichIAmRemote(peer: BGPPeer, scope: Scope): readonly Family[] {
  const { peerSelector = '', peerIP = '' } = peer.spec;
  const { me } = scope;
  if (peerSelector !== '') {
    // The remote side complained of a bad selector already.
    return matchingNodes(peerSelector, [me], peer, () => undefined).length > 0 ? [4, 6] : [];
  }
  const address = parsePeerIp(peerIP);
  if (address === undefined || (address.ip !== me.ipv4 && address.ip !== me.ipv6)) return [];
  const isMyPort = address.port === 0 || address.port === (me.listenPort || 179);
  return isMyPort && asnOf(peer, scope) === me.asn ? [familyOf(address.ip)] : [];
}

/** The AS of a `peerIP`; not set means ours. */
function asnOf(peer: BGPPeer, { globalAsn }: Scope): number {
  return givenAsn(peer.spec.asNumber) ?? globalAsn;
}
