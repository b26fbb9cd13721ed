import { existsSync } from 'node:fs';
import type { WorkloadEndpoint } from '@calico-node/model';
import { familyOf, parseMac, type Mac } from '@calico-node/net';
import { FelixTimeout, makeMovablePair, removeHostEnd, waitForFelix, type Families } from '@calico-node/workload';
import { parseJoin } from '../protocol/network-requests.ts';
import { PluginError } from '../protocol/plugin-error.ts';
import { joinReply, type Reply } from '../protocol/replies.ts';
import { changeEndpoint } from './change-endpoint.ts';
import type { NetworkContext } from './context.ts';
import { endpointName, hostInterfaceName, libnetwork, temporaryInterfaceName } from './endpoint.ts';
import { addressesOf, isWired, sandboxAnnotation } from './garbage.ts';
import { readMtu } from './mtu.ts';

function familiesOf(endpoint: WorkloadEndpoint): Families {
  const families = addressesOf(endpoint).map((ip) => familyOf(ip));
  return { ipv4: families.includes(4), ipv6: families.includes(6) };
}

/**
 * Waits until the endpoint's policy is in the kernel. Without Felix, or when it is late, the container starts all the
 * same (Docker would not try again): until Felix knows the endpoint, it lets none of its packets pass.
 */
async function awaitPolicy(
  { config, log }: NetworkContext,
  endpointId: string,
  minRevision: bigint,
  signal: AbortSignal,
): Promise<void> {
  const { felixSocket: socket, policyTimeoutMs: timeoutMs } = config;
  if (timeoutMs === 0 || !existsSync(socket)) return;
  const id = { orchestratorId: libnetwork, workloadId: `${libnetwork}/${libnetwork}`, endpointId };
  try {
    await waitForFelix({ socket, id, minRevision, timeoutMs, signal });
  } catch (error) {
    if (!(error instanceof FelixTimeout)) throw error;
    log.warn({ err: error, endpointId }, 'the container starts before its policy is in the kernel');
  }
}

/**
 * A container has one way out, so that what comes in by a second Calico interface would be answered by the first, with
 * an address that Felix takes for forged there.
 *
 * @throws PluginError `unsupported` when another endpoint has joined the sandbox.
 */
async function requireOnlyOne(
  { node, endpoints }: NetworkContext,
  endpointId: string,
  sandbox: string,
  signal: AbortSignal,
): Promise<void> {
  const others = (await endpoints.ofNode(node, { signal })).filter(
    (other) => other.metadata.annotations?.[sandboxAnnotation] === sandbox && other.spec.endpoint !== endpointId,
  );
  if (!others.some(isWired)) return;
  throw new PluginError(
    'unsupported',
    'the container is on a Calico network already, and can be on one only: disconnect it there first, or have a policy ' +
      'by labels let it reach the other network',
  );
}

/**
 * Makes the container's interface for Docker to move, and says in the store what its MAC is. Asked again it finds
 * what is there; an interface whose other end another sandbox has taken is made anew.
 */
export async function join(context: NetworkContext, body: unknown, signal: AbortSignal): Promise<Reply> {
  const { networkId, endpointId, sandbox } = parseJoin(body);
  const { node, config, endpoints, log } = context;
  const name = endpointName(node, endpointId);
  const stored = await endpoints.find(libnetwork, name, { signal });
  if (stored === undefined) {
    throw new PluginError('not-found', `the store has no endpoint ${endpointId} of network ${networkId}`);
  }
  await requireOnlyOne(context, endpointId, sandbox, signal);
  const families = familiesOf(stored);
  const hostName = hostInterfaceName(config.hostPrefix, endpointId);
  const temporaryName = temporaryInterfaceName(endpointId);
  const mtu = config.vethMtu ?? readMtu(config.mtuFile);
  const chosen = stored.spec.mac === undefined ? undefined : parseMac(stored.spec.mac);
  const pair = await makeMovablePair({ hostName, temporaryName, mtu, mac: chosen, families });
  try {
    const revision = await changeEndpoint(endpoints, name, (current) => joined(current, pair.mac, sandbox), signal);
    if (revision === undefined) throw new PluginError('not-found', `endpoint ${endpointId} was deleted meanwhile`);
    await awaitPolicy(context, endpointId, revision, signal);
  } catch (error) {
    await removeHostEnd(hostName);
    throw error;
  }
  log.info({ networkId, endpointId, interface: hostName, mac: pair.mac }, 'joined an endpoint to its container');
  context.onJoined(networkId, endpointId);
  const ipv6Gateway = families.ipv6 ? pair.ipv6Gateway : undefined;
  return joinReply({ temporaryName, prefix: config.containerPrefix, hasIpv4: families.ipv4, ipv6Gateway });
}

function joined(stored: WorkloadEndpoint | undefined, mac: Mac, sandbox: string): WorkloadEndpoint | undefined {
  if (stored === undefined) return undefined;
  const annotations = { ...stored.metadata.annotations, [sandboxAnnotation]: sandbox };
  return { ...stored, metadata: { ...stored.metadata, annotations }, spec: { ...stored.spec, mac } };
}
