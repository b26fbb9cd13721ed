import { callUnary, connectUnix, felixV1 } from '@calico-node/rpc';
import { readNodeName } from '../node/node-facts.ts';
import type { Program } from '../server/frame.ts';
import { CniError, cniCodes } from '../spec/cni-error.ts';
import { isDelegated, requireIpam } from './addresses.ts';
import type { CallInput } from './call.ts';
import { describeError } from './describe-error.ts';
import { needsFelix } from './felix.ts';
import { delegate } from './ipam-delegate.ts';

const timeoutMs = 5_000;

/** @throws CniError code 50 while Felix could not program an endpoint. */
async function requireFelix(socket: string, signal: AbortSignal): Promise<void> {
  const client = connectUnix(felixV1.FelixServiceClient, socket);
  let isInSync: boolean;
  try {
    const request = felixV1.GetStatusRequest.create();
    ({ inSync: isInSync } = await callUnary(client.getStatus.bind(client), request, { timeoutMs, signal }));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CniError(cniCodes.notAvailable, `felix does not answer: ${why}`, { cause: error });
  } finally {
    client.close();
  }
  if (isInSync) return;
  throw new CniError(cniCodes.notAvailable, 'felix has not programmed its first snapshot of the store yet');
}

/**
 * Whether an ADD could be served now: by `calico-ipam` alone, which only needs the store, or by the whole plug-in, which
 * asks the IPAM plug-in too that it delegates to.
 *
 * @throws CniError code 50 with everything that stands in its way; 51 when the IPAM plug-in says that, and nothing else does.
 */
export async function checkStatus(call: Omit<CallInput, 'attachment'>, program: Program): Promise<void> {
  const { config, context, signal } = call;
  const problems: CniError[] = [];
  const attempt = async (check: () => unknown): Promise<void> => {
    try {
      await check();
    } catch (error) {
      problems.push(describeError(error));
    }
  };
  await attempt(() => readNodeName(config, context.paths));
  await attempt(() => requireReadyStore(call));
  if (program === 'calico') {
    await attempt(() => delegateStatus(call));
    if (needsFelix(call)) await attempt(() => requireFelix(context.paths.felixSocket, signal));
    await attempt(() => requireOtherDataplane(call));
  }
  const [first, ...others] = problems;
  if (first === undefined) return;
  if (others.length === 0 && first.code === cniCodes.limitedConnectivity) throw first;
  throw new CniError(cniCodes.notAvailable, problems.map(({ message }) => message).join('; '));
}

async function requireReadyStore({ config, context, signal }: Omit<CallInput, 'attachment'>): Promise<void> {
  const { endpoints } = context.stores.open(config.datastoreEnvironment);
  if (await endpoints.isReady({ signal, timeoutMs })) return;
  throw new CniError(cniCodes.notAvailable, 'the datastore is not ready (ClusterInformation default)');
}

async function requireOtherDataplane({ config: { dataplane } }: Omit<CallInput, 'attachment'>): Promise<void> {
  if (dataplane === undefined) return;
  const { requireDataplane } = await import('./grpc-dataplane.ts');
  await requireDataplane(dataplane);
}

async function delegateStatus({ config, pluginPath, variables, signal }: Omit<CallInput, 'attachment'>): Promise<void> {
  const type = requireIpam({ config });
  if (!isDelegated(type)) return;
  await delegate({ type, command: 'STATUS', pluginPath, variables, document: config.document, signal });
}
