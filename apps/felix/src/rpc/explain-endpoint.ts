import { DEFAULT_ALLOW_PROFILE, parseWorkloadEndpointName, type HostEndpoint } from '@calico-node/model';
import { splitCidr, type Family } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import {
  isWildcard,
  memberOfHostEndpoint,
  policiesOfEndpoint,
  policyEndpointOf,
  type AppliedPolicy,
  type PolicyEndpoint,
} from '@calico-node/policy';
import { RpcError, type felixV1 } from '@calico-node/rpc';
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import { hostChains, readEndpointChains, workloadChains, type EndpointChain } from '../explain/endpoint-chains.ts';
import { worldOf, type ExplainGraph } from '../explain/explain-flow.ts';
import { FlowEnds } from '../explain/flow-ends.ts';
import { OwnPaths } from '../explain/own-paths.ts';
import type { VerifyingNode } from '../explain/verify-flow.ts';
import { asRpcError } from './explain.ts';
import { kernelEntry, routeToWire } from './look-up-route.ts';

/** What is asked of Felix for the answer. */
export interface EndpointSource {
  readonly graph: ExplainGraph;
  readonly node: VerifyingNode;
  /** As Felix has programmed them. */
  readonly programmed: () => Iterable<ProgrammedEndpoint>;
}

interface ProgrammedEndpoint {
  readonly endpoint: LocalWorkloadEndpoint;
  readonly wire: felixV1.Endpoint;
}

type Applied = Pick<felixV1.ExplainEndpointResponse, 'labels' | 'tiers' | 'profiles'>;

/** Answers ExplainEndpoint. @throws RpcError NOT_FOUND, INVALID_ARGUMENT or FAILED_PRECONDITION */
export async function answerExplainEndpoint(
  name: string,
  source: EndpointSource,
): Promise<felixV1.ExplainEndpointResponse> {
  const { graph, node } = source;
  const workload = oneCalled(shortOf(name, node.hostname), [...source.programmed()]);
  if (workload !== undefined) return explainWorkload(workload, source);
  const called = graph.rules().hostEndpoints.filter(({ metadata }) => metadata.name === name);
  const own = called.find(({ spec }) => spec.node === node.hostname);
  if (own !== undefined) return explainHost(own, source);
  const elsewhere = called[0]?.spec.node ?? nodeOf(name, source);
  if (elsewhere === undefined) throw new RpcError('NOT_FOUND', `no endpoint of this node is called "${name}"`);
  throw new RpcError(
    'FAILED_PRECONDITION',
    elsewhere === node.hostname
      ? `"${name}" is an endpoint of this node that Felix has not programmed yet: ask again`
      : `"${name}" is an endpoint of node "${elsewhere}": ask there`,
  );
}

async function explainWorkload(
  { endpoint, wire }: ProgrammedEndpoint,
  { graph, node }: EndpointSource,
): Promise<felixV1.ExplainEndpointResponse> {
  const { interfaceName, profiles } = endpoint;
  const chains = await readChains(workloadChains(interfaceName), node);
  const { routes, missing } = routesOf(endpoint, node);
  const policyEndpoint = policyEndpointAt(endpoint, graph, node);
  return {
    endpoint: wire,
    hostEndpoint: undefined,
    revision: endpoint.revision,
    ...(policyEndpoint === undefined
      ? { labels: {}, tiers: [], profiles: profilesToWire(profiles, graph) }
      : appliedTo(policyEndpoint, profiles, graph)),
    routes,
    chains,
    missing: [...missing, ...missingChains(chains)],
  };
}

async function explainHost(
  resource: HostEndpoint,
  { graph, node }: EndpointSource,
): Promise<felixV1.ExplainEndpointResponse> {
  using paths = new OwnPaths(node, graph.rules().hostEndpoints);
  const { metadata, spec } = resource;
  const { interfaceName = '', expectedIPs = [] } = spec;
  const interfaces = paths.interfacesOf(metadata.name);
  const endpoint = policyEndpointOf(resource);
  const applied = appliedTo(endpoint, memberOfHostEndpoint(resource).profiles, graph);
  const untracked = applied.tiers.some(({ policies }) =>
    policies.some(({ stage, staged }) => stage === 'untracked' && !staged),
  );
  const isEverywhere = isWildcard(resource);
  const named = isEverywhere ? (paths.wildcard?.name === metadata.name ? ['*'] : []) : interfaces;
  const wanted = named.flatMap((each) => hostChains(each, node.maxChainNameLength, untracked && !isEverywhere));
  const chains = await readChains(wanted, node);
  return {
    endpoint: undefined,
    hostEndpoint: { name: metadata.name, interfaceName, expectedIps: [...expectedIPs], interfaces: [...interfaces] },
    revision: BigInt(metadata.resourceVersion ?? 0),
    ...applied,
    routes: [],
    chains,
    missing: [
      ...(named.length === 0 ? [`an interface that it covers: ${whyNone(resource, paths)}`] : []),
      ...missingChains(chains),
    ],
  };
}

function whyNone(resource: HostEndpoint, paths: OwnPaths): string {
  const { interfaceName = '', expectedIPs = [] } = resource.spec;
  if (isWildcard(resource))
    return `${paths.wildcard?.name ?? 'another one'} is this node's endpoint for all interfaces`;
  if (interfaceName === '')
    return `none has one of the addresses ${expectedIPs.join(', ')}, or another endpoint covers it`;
  return `there is none called ${interfaceName}, or another endpoint covers it`;
}

async function readChains(
  wanted: readonly EndpointChain[],
  { families, filter, netns }: VerifyingNode,
): Promise<felixV1.EndpointChain[]> {
  const chains = await readEndpointChains(wanted, families, filter, netns);
  return chains.map(({ direction, stage, family, name, rules }) => {
    return { direction, stage, family, name, missing: rules === undefined, rules: rules ?? 0 };
  });
}

function missingChains(chains: readonly felixV1.EndpointChain[]): readonly string[] {
  return chains.flatMap(({ missing, name, direction, family }) =>
    missing ? [`the chain ${name}, for ${direction} by IPv${family}`] : [],
  );
}

function oneCalled(name: string, all: readonly ProgrammedEndpoint[]): ProgrammedEndpoint | undefined {
  const found = all.filter(({ endpoint: { identity, interfaceName } }) => {
    const { workloadId } = identity;
    return [workloadId, workloadId.slice(workloadId.indexOf('/') + 1), interfaceName].includes(name);
  });
  if (found.length < 2) return found[0];
  const names = found.map(({ endpoint }) => `${endpoint.identity.workloadId} (${endpoint.interfaceName})`);
  throw new RpcError('INVALID_ARGUMENT', `"${name}" is several: ${names.sort().join(', ')}`);
}

/** What `explain flow` calls an endpoint of this node, its resource's name, as `<namespace>/<workload>`. */
function shortOf(name: string, hostname: string): string {
  const [, namespace = '', own = ''] = /^(.*\/)?(.*)$/.exec(name) ?? [];
  const parsed = parseWorkloadEndpointName(own);
  return parsed?.node === hostname ? `${namespace}${parsed.workload}` : name;
}

/** Of a workload endpoint of any node. */
function nodeOf(name: string, { graph, node }: EndpointSource): string | undefined {
  using own = new OwnPaths(node, []);
  try {
    const { attachment, node: found } = new FlowEnds(graph, own).find(name);
    return attachment.type === 'workload' ? found?.name : undefined;
  } catch {
    return undefined;
  }
}

function policyEndpointAt(
  { addresses: [address] }: LocalWorkloadEndpoint,
  graph: ExplainGraph,
  node: VerifyingNode,
): PolicyEndpoint | undefined {
  if (address === undefined) return undefined;
  using own = new OwnPaths(node, []);
  try {
    const { attachment } = new FlowEnds(graph, own).at(splitCidr(address).ip);
    return attachment.type === 'workload' ? attachment.endpoint : undefined;
  } catch (error) {
    throw asRpcError(error);
  }
}

function appliedTo(endpoint: PolicyEndpoint, profiles: readonly string[], graph: ExplainGraph): Applied {
  const { labels } = endpoint;
  return {
    labels: labels instanceof Map ? Object.fromEntries(labels as ReadonlyMap<string, string>) : {},
    tiers: policiesOfEndpoint(worldOf(graph), endpoint).map(({ name, defaultAction, policies }) => ({
      name,
      defaultAction,
      policies: policies.map(policyToWire),
    })),
    profiles: profilesToWire(profiles, graph),
  };
}

function profilesToWire(profiles: readonly string[], graph: ExplainGraph): felixV1.AppliedProfile[] {
  const revisions = new Map(graph.rules().profiles.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  return profiles.map((name) => ({
    name,
    revision: revisions.get(name) ?? '',
    missing: !revisions.has(name) && name !== DEFAULT_ALLOW_PROFILE.metadata.name,
  }));
}

function policyToWire({ owner, directions, isStaged, stage, isOnForward }: AppliedPolicy): felixV1.AppliedPolicy {
  const { kind, namespace = '', name, revision = '' } = owner;
  return {
    kind,
    namespace,
    name,
    revision,
    directions: [...directions],
    staged: isStaged,
    stage,
    onForward: isOnForward,
  };
}

function routesOf(
  { addresses, interfaceName }: LocalWorkloadEndpoint,
  { netns }: VerifyingNode,
): { readonly routes: felixV1.EndpointRoute[]; readonly missing: readonly string[] } {
  using socket = RouteSocket.open(netns === undefined ? {} : { netns });
  const link = socket.getLink(interfaceName);
  const byFamily = new Map(
    ([4, 6] as const satisfies readonly Family[]).map((family) => [
      family,
      { rules: socket.listRules(family), routes: socket.listRoutes({ family, table: 'all' }) },
    ]),
  );
  const routes = addresses.map((address) => {
    const { ip, family } = splitCidr(address);
    const known = byFamily.get(family);
    const route = known && kernelEntry(known.rules, known.routes, ip);
    return {
      address,
      route: route && routeToWire(route, socket),
      leadsToIt: route?.interfaceIndex !== undefined && route.interfaceIndex === link?.index,
    };
  });
  const state = link === undefined ? 'the interface' : link.up ? 'carrier' : 'the interface being up';
  const isThere = link?.running === true;
  return {
    routes,
    missing: [
      ...(isThere ? [] : [`${state}: ${whyNot(interfaceName, link)}`]),
      ...routes.flatMap(({ address, leadsToIt }) => (leadsToIt ? [] : [`a route for ${address} to ${interfaceName}`])),
    ],
  };
}

function whyNot(name: string, link: { readonly up: boolean } | undefined): string {
  if (link === undefined) return `there is no ${name} on this host: whoever attaches the workload makes it`;
  return link.up ? `the workload's end of ${name} is down` : `${name} is down`;
}
