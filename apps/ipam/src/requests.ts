/*
 * What each call of the service means: the message read into domain types, the work done so that asking
 * twice changes nothing, and the answer. Runs under the queue; what is done from memory, in batches.
 */
import type { EndpointDraft } from '@calico-node/datastore';
import {
  isIpamError,
  type Assigned,
  type IntendedUse,
  type Ipam,
  type WarmAssign,
  type WarmOutcome,
  type WarmRequest,
} from '@calico-node/ipam';
import { decodeResource, type WorkloadEndpoint } from '@calico-node/model';
import { familyOf, parseIp, parseNodeName, type NodeName } from '@calico-node/net';
import { ipamV1, RpcError } from '@calico-node/rpc';

const uses: Readonly<Record<number, IntendedUse>> = {
  [ipamV1.IntendedUse.WORKLOAD]: 'Workload',
  [ipamV1.IntendedUse.TUNNEL]: 'Tunnel',
  [ipamV1.IntendedUse.LOAD_BALANCER]: 'LoadBalancer',
};

/** More in one request is a mistake, and would hold up the others. */
const maxAddresses = 256;

/**
 * Gives what the handle holds already, and takes only what is missing. All or nothing: on a shortage
 * what was just taken is given back.
 */
export async function autoAssign(
  ipam: Ipam,
  request: ipamV1.AutoAssignRequest,
  ownNode: NodeName,
  signal: AbortSignal,
): Promise<ipamV1.AutoAssignResponse> {
  const use = uses[request.use];
  if (use === undefined) throw new RpcError('INVALID_ARGUMENT', 'use is not given');
  if (request.num4 + request.num6 > maxAddresses) {
    throw new RpcError('INVALID_ARGUMENT', `more than ${maxAddresses} addresses in one request`);
  }
  const handleId = request.handleId === '' ? undefined : request.handleId;
  const held = handleId === undefined ? [] : await ipam.ipsByHandle(handleId, signal);
  const held4 = held.filter(({ ip }) => familyOf(ip) === 4).slice(0, request.num4);
  const held6 = held.filter(({ ip }) => familyOf(ip) === 6).slice(0, request.num6);
  const num4 = request.num4 - held4.length;
  const num6 = request.num6 - held6.length;
  if (num4 === 0 && num6 === 0) return answer(held4, held6);
  const { ipv4, ipv6, shortfall } = await ipam.autoAssign({
    num4,
    num6,
    handleId,
    attributes: request.attributes,
    nodeName: nodeOf(request.nodeName, ownNode),
    ipv4Pools: request.ipv4Pools,
    ipv6Pools: request.ipv6Pools,
    use,
    namespace: request.namespace === '' ? undefined : request.namespace,
    namespaceLabels: labelsOf(request),
    maxBlocksPerHost: request.maxBlocksPerHost,
    signal,
  });
  if (shortfall !== undefined) {
    const taken = [...ipv4, ...ipv6].map(({ ip }) => ({ ip, handleId }));
    if (taken.length > 0) await ipam.releaseIps(taken);
    throw shortfall;
  }
  return answer([...held4, ...ipv4], [...held6, ...ipv6]);
}

/** The same, of a node's own blocks; nothing for what takes more than those, or is wrong. */
export function warmAutoAssign(request: ipamV1.AutoAssignRequest, ownNode: NodeName): WarmAssign | undefined {
  const use = uses[request.use];
  const { num4, num6, handleId, nodeName } = request;
  if (use === undefined || use === 'LoadBalancer' || !isHandle(handleId)) return undefined;
  if (num4 + num6 === 0 || num4 + num6 > maxAddresses || (nodeName !== '' && nodeName !== ownNode)) return undefined;
  const { attributes, ipv4Pools, ipv6Pools, maxBlocksPerHost } = request;
  const endpoint = request.endpoint && readEndpoint(request.endpoint, ownNode);
  const drafted = endpoint === undefined ? {} : { endpoint };
  const namespaceLabels = labelsOf(request);
  const wanted = { num4, num6, attributes, ipv4Pools, ipv6Pools, use, namespaceLabels, maxBlocksPerHost };
  return { type: 'assign', handleId, ...wanted, ...drafted };
}

/** The namespace's labels; nothing when the caller does not know them. */
function labelsOf({ namespaceLabels }: ipamV1.AutoAssignRequest): Readonly<Record<string, string>> | undefined {
  return Object.keys(namespaceLabels).length === 0 ? undefined : namespaceLabels;
}

/** @throws RpcError INVALID_ARGUMENT for what is no endpoint of the node's. */
function readEndpoint({ resource, premises }: ipamV1.NewEndpoint, ownNode: NodeName): EndpointDraft {
  let endpoint: WorkloadEndpoint;
  try {
    endpoint = decodeResource('WorkloadEndpoint', resource, 0n);
  } catch (error) {
    throw new RpcError('INVALID_ARGUMENT', `endpoint.resource: ${String(error)}`, { cause: error });
  }
  const { metadata, spec } = endpoint;
  if (spec.node !== ownNode || metadata.name === '' || (metadata.namespace ?? '') === '') {
    throw new RpcError('INVALID_ARGUMENT', `endpoint.resource: not a named endpoint of ${ownNode}`);
  }
  return { endpoint, premises };
}

/** Whether a handle can be stored. */
function isHandle(id: string): boolean {
  return id !== '' && !id.includes('/');
}

export function autoAssignAnswer(outcome: WarmOutcome): ipamV1.AutoAssignResponse | undefined {
  if (outcome.type !== 'assigned') return undefined;
  return answer(outcome.ipv4, outcome.ipv6, outcome.endpointRevision);
}

function answer(
  ipv4: readonly Assigned[],
  ipv6: readonly Assigned[],
  endpointRevision = 0n,
): ipamV1.AutoAssignResponse {
  return { ipv4: ipv4.map(withPrefix), ipv6: ipv6.map(withPrefix), endpointRevision };
}

function withPrefix({ ip, prefixLength }: Assigned): string {
  return `${ip}/${prefixLength}`;
}

/** Gives one chosen address; that the handle holds it already is well. */
export async function assignIp(
  ipam: Ipam,
  request: ipamV1.AssignIpRequest,
  ownNode: NodeName,
  signal: AbortSignal,
): Promise<ipamV1.AssignIpResponse> {
  const ip = parseIp(request.ip);
  const handleId = request.handleId === '' ? undefined : request.handleId;
  const nodeName = nodeOf(request.nodeName, ownNode);
  try {
    await ipam.assignIp({ ip, nodeName, handleId, attributes: request.attributes, use: uses[request.use], signal });
  } catch (error) {
    const isOwn =
      isIpamError(error, 'already-assigned') &&
      handleId !== undefined &&
      (await ipam.ipsByHandle(handleId, signal)).some((held) => held.ip === ip);
    if (!isOwn) throw error;
  }
  return { ip: `${ip}/${familyOf(ip) === 4 ? 32 : 128}` };
}

export async function releaseByHandle(
  ipam: Ipam,
  request: ipamV1.ReleaseByHandleRequest,
  signal: AbortSignal,
): Promise<ipamV1.ReleaseByHandleResponse> {
  if (request.handleId === '') throw new RpcError('INVALID_ARGUMENT', 'handle_id is not given');
  return { released: [...(await ipam.releaseByHandle(request.handleId, signal))] };
}

export function warmRelease({ handleId }: ipamV1.ReleaseByHandleRequest): WarmRequest | undefined {
  return isHandle(handleId) ? { type: 'release', handleId } : undefined;
}

export function releaseAnswer(outcome: WarmOutcome): ipamV1.ReleaseByHandleResponse | undefined {
  return outcome.type === 'released' ? { released: [...outcome.ips] } : undefined;
}

export async function releaseIps(
  ipam: Ipam,
  request: ipamV1.ReleaseIpsRequest,
  signal: AbortSignal,
): Promise<ipamV1.ReleaseIpsResponse> {
  const releases = request.ips.map(({ ip, handleId, sequenceNumber }) => ({
    ip: parseIp(ip),
    handleId: handleId === '' ? undefined : handleId,
    sequenceNumber,
  }));
  return { unallocated: [...(await ipam.releaseIps(releases, signal))] };
}

function nodeOf(name: string, ownNode: NodeName): NodeName {
  return name === '' ? ownNode : parseNodeName(name);
}
