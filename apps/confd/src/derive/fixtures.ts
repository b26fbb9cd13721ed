import type { BGPConfiguration, BGPFilter, BGPPeer, IPPool, Node, WorkloadEndpoint } from '@calico-node/model';
import { parseCidr, parseIp } from '@calico-node/net';
import type { BgpResources, BlockClaim } from './resources.ts';
import type { ServiceFacts } from './services.ts';

/** Builders for tests: a test shows only what matters to it. */

const apiVersion = 'projectcalico.org/v3';

export function node(name: string, bgp?: Node['spec']['bgp'], labels: Record<string, string> = {}): Node {
  return { kind: 'Node', apiVersion, metadata: { name, labels }, spec: bgp === undefined ? {} : { bgp } };
}

export function configuration(spec: BGPConfiguration['spec'], name = 'default'): BGPConfiguration {
  return { kind: 'BGPConfiguration', apiVersion, metadata: { name }, spec };
}

export function peer(name: string, spec: BGPPeer['spec']): BGPPeer {
  return { kind: 'BGPPeer', apiVersion, metadata: { name }, spec };
}

export function filter(name: string, spec: BGPFilter['spec']): BGPFilter {
  return { kind: 'BGPFilter', apiVersion, metadata: { name }, spec };
}

export function pool(name: string, spec: IPPool['spec']): IPPool {
  return { kind: 'IPPool', apiVersion, metadata: { name }, spec };
}

export function workload(name: string, labels: Record<string, string>, ...ipNetworks: string[]): WorkloadEndpoint {
  return {
    kind: 'WorkloadEndpoint',
    apiVersion,
    metadata: { name, namespace: 'default', labels },
    spec: { node: 'n2', interfaceName: `cali${name}`, ipNetworks },
  };
}

export function block(cidr: string, state = 'confirmed'): BlockClaim {
  return { cidr: parseCidr(cidr), state };
}

type Addresses = Partial<Record<'clusterIps' | 'externalIps' | 'loadBalancerIps', readonly string[]>>;

export function service(
  facts: Addresses & Partial<Pick<ServiceFacts, 'isLocal' | 'ready' | 'readyHere'>>,
): ServiceFacts {
  const { clusterIps = [], externalIps = [], loadBalancerIps = [] } = facts;
  return {
    isLocal: false,
    ready: [],
    readyHere: [],
    ...facts,
    clusterIps: clusterIps.map(parseIp),
    externalIps: externalIps.map(parseIp),
    loadBalancerIps: loadBalancerIps.map(parseIp),
  };
}

export function store(resources: Partial<BgpResources>): BgpResources {
  return {
    nodes: [],
    configurations: [],
    peers: [],
    filters: [],
    pools: [],
    blocks: [],
    workloads: [],
    services: [],
    ...resources,
  };
}

/** Three nodes of a mesh, as node start-up writes them. */
export const threeNodes: readonly Node[] = [
  node('n1', { ipv4Address: '10.0.0.1/24' }),
  node('n2', { ipv4Address: '10.0.0.2/24' }),
  node('n3', { ipv4Address: '10.0.0.3/24' }),
];
