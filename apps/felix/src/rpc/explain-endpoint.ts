import { DEFAULT_ALLOW_PROFILE } from '@calico-node/model';
import { splitCidr, type Family } from '@calico-node/net';
import { RouteSocket } from '@calico-node/netlink';
import { policiesOfEndpoint, type AppliedPolicy } from '@calico-node/policy';
import { RpcError, type felixV1 } from '@calico-node/rpc';
import type { LocalWorkloadEndpoint } from '../calc/intents.ts';
import { readEndpointChains } from '../explain/endpoint-chains.ts';
import { findEnd, worldOf, type ExplainGraph } from '../explain/explain-flow.ts';
import type { VerifyingNode } from '../explain/verify-flow.ts';
import { asRpcError } from './explain.ts';
import { longestMatch, routeToWire } from './look-up-route.ts';

/** What is asked of Felix for the answer. */
export interface EndpointSource {
  readonly graph: ExplainGraph;
  readonly node: Pick<VerifyingNode, 'filter' | 'netns' | 'families'>;
  /** As Felix has programmed them. */
  readonly programmed: () => Iterable<{ readonly endpoint: LocalWorkloadEndpoint; readonly wire: felixV1.Endpoint }>;
}

/** Answers ExplainEndpoint. @throws RpcError NOT_FOUND or INVALID_ARGUMENT */
export async function answerExplainEndpoint(
  name: string,
  { graph, node, programmed }: EndpointSource,
): Promise<felixV1.ExplainEndpointResponse> {
  const { endpoint, wire } = oneCalled(name, [...programmed()]);
  const { netns, filter, families } = node;
  const chains = await readEndpointChains(endpoint.interfaceName, families, filter, netns);
  return {
    endpoint: wire,
    revision: endpoint.revision,
    ...policyOf(endpoint, graph),
    routes: routesOf(endpoint, node),
    chains: chains.map(({ direction, family, name: chain, rules }) => ({
      direction,
      family,
      name: chain,
      missing: rules === undefined,
      rules: rules ?? 0,
    })),
  };
}

function oneCalled<T extends { readonly endpoint: LocalWorkloadEndpoint }>(name: string, all: readonly T[]): T {
  const found = all.filter(({ endpoint: { identity, interfaceName } }) => {
    const { workloadId } = identity;
    return [workloadId, workloadId.slice(workloadId.indexOf('/') + 1), interfaceName].includes(name);
  });
  const [only, ...others] = found;
  if (only === undefined) throw new RpcError('NOT_FOUND', `no workload endpoint of this node is called "${name}"`);
  if (others.length === 0) return only;
  const names = found.map(({ endpoint }) => `${endpoint.identity.workloadId} (${endpoint.interfaceName})`);
  throw new RpcError('INVALID_ARGUMENT', `"${name}" is several: ${names.sort().join(', ')}`);
}

function policyOf(
  { addresses, profiles }: LocalWorkloadEndpoint,
  graph: ExplainGraph,
): Pick<felixV1.ExplainEndpointResponse, 'labels' | 'tiers' | 'profiles'> {
  const world = worldOf(graph);
  const revisions = new Map(graph.rules().profiles.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
  const wireProfiles = profiles.map((name) => ({
    name,
    revision: revisions.get(name) ?? '',
    missing: !revisions.has(name) && name !== DEFAULT_ALLOW_PROFILE.metadata.name,
  }));
  const [address] = addresses;
  if (address === undefined) return { labels: {}, tiers: [], profiles: wireProfiles };
  try {
    const { attachment } = findEnd(graph, splitCidr(address).ip);
    if (attachment.type !== 'workload') return { labels: {}, tiers: [], profiles: wireProfiles };
    const { labels } = attachment.endpoint;
    return {
      labels: labels instanceof Map ? Object.fromEntries(labels as ReadonlyMap<string, string>) : {},
      tiers: policiesOfEndpoint(world, attachment.endpoint).map(({ name, defaultAction, policies }) => ({
        name,
        defaultAction,
        policies: policies.map(policyToWire),
      })),
      profiles: wireProfiles,
    };
  } catch (error) {
    throw asRpcError(error);
  }
}

function policyToWire({ owner, directions, isStaged }: AppliedPolicy): felixV1.AppliedPolicy {
  const { kind, namespace = '', name, revision = '' } = owner;
  return { kind, namespace, name, revision, directions: [...directions], staged: isStaged };
}

function routesOf(
  { addresses, interfaceName }: LocalWorkloadEndpoint,
  { netns }: EndpointSource['node'],
): felixV1.EndpointRoute[] {
  using socket = RouteSocket.open(netns === undefined ? {} : { netns });
  const index = socket.getLink(interfaceName)?.index;
  const routes = new Map(
    ([4, 6] as const satisfies readonly Family[]).map((family) => [
      family,
      socket.listRoutes({ family, table: 'all' }),
    ]),
  );
  return addresses.map((address) => {
    const { ip, family } = splitCidr(address);
    const route = longestMatch(routes.get(family) ?? [], ip);
    return {
      address,
      route: route && routeToWire(route, socket),
      leadsToIt: route?.interfaceIndex !== undefined && route.interfaceIndex === index,
    };
  });
}
