/**
 * Sessions with workloads of the node (BGPPeer's `localWorkloadSelector`). A workload connects to the node's peering
 * address of its family (BGPConfiguration's `localWorkloadPeeringIPV4` and `…IPV6`); the node waits for it.
 */
import type { BGPPeer, WorkloadEndpoint } from '@calico-node/model';
import { familyOf, tryParseIp, type Family, type IpAddress } from '@calico-node/net';
import { labelsOf, parseSelector, SelectorError, type Selector } from '@calico-node/selector';
import type { BgpNode } from './bgp-node.ts';
import { byName, givenAsn, type Complain } from './resources.ts';
import type { Session } from './session.ts';
import { peerSession, type PeerContext } from './sessions.ts';
import type { Settings } from './settings.ts';

const FAMILIES: readonly Family[] = [4, 6];

/** Where several BGPPeers select a workload, the first by name decides. */
export function workloadSessions(
  peers: readonly BGPPeer[],
  workloads: readonly WorkloadEndpoint[],
  settings: Settings,
  context: PeerContext,
): readonly Session[] {
  const { complain, me } = context;
  const taken = new Set<IpAddress>();
  return peers.flatMap((peer) => {
    const subject = `BGPPeer(${peer.metadata.name})`;
    const selector = read(peer.spec.localWorkloadSelector ?? '', subject, complain);
    const asn = givenAsn(peer.spec.asNumber);
    if (asn === undefined) complain(subject, 'left out: localWorkloadSelector needs an asNumber');
    if (selector === undefined || asn === undefined) return [];
    return addressesOf(workloads, selector).flatMap((ip): readonly Session[] => {
      if (taken.has(ip)) return [];
      taken.add(ip);
      const mine = settings.workloadPeering[familyOf(ip)];
      if (mine === undefined) {
        complain(subject, `no session with ${ip}: there is no localWorkloadPeeringIPV${familyOf(ip)}`);
        return [];
      }
      const target = { ip, port: 0, asn, clusterId: '', isCalicoNode: false, resource: peer };
      return [workloadSession(mine, target, me, context)];
    });
  });
}

function workloadSession(
  mine: IpAddress,
  target: Parameters<typeof peerSession>[1],
  { asn }: BgpNode,
  context: PeerContext,
): Session {
  const session = peerSession(mine, target, 'workload', context);
  return {
    ...session,
    localAsn: givenAsn(target.resource.spec.localASNumber) ?? asn,
    source: undefined,
    isPassive: true,
  };
}

/** The first address of each family of the workloads that match, as Calico takes them. */
function addressesOf(workloads: readonly WorkloadEndpoint[], selector: Selector): readonly IpAddress[] {
  return byName(workloads)
    .filter(({ metadata }) => selector.evaluate(labelsOf(metadata.labels ?? {})))
    .flatMap(({ spec }) => {
      const addresses = (spec.ipNetworks ?? []).flatMap((text) => tryParseIp(text.split('/', 1)[0] ?? '') ?? []);
      return FAMILIES.flatMap((family) => addresses.find((ip) => familyOf(ip) === family) ?? []);
    });
}

function read(text: string, subject: string, complain: Complain): Selector | undefined {
  try {
    return parseSelector(text);
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
    complain(subject, `selector "${text}": ${error.message}`);
    return undefined;
  }
}
